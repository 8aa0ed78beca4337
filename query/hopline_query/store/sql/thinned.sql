-- Asked only where nothing is stored under an id.
SELECT count() > 0 FROM $database.thinned WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
