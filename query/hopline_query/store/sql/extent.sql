SELECT min(start_us), max(start_us), count() FROM $database.traces
