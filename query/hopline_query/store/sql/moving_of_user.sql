SELECT DISTINCT lower(hex(trace_id))
FROM $database.traces_by_uid
WHERE uid = {uid:String} AND trace_id IN ($moving)
