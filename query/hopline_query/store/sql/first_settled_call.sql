SELECT min(settled) FROM $database.settled_calls
