SELECT count() FROM $database.dead_letters
