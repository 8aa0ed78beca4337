SELECT min(start_us), max(last_us), count(), (SELECT count() FROM $database.settled_stale)
FROM $database.settled
