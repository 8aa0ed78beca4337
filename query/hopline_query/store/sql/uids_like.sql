SELECT DISTINCT uid
FROM $database.traces_by_uid
WHERE uid >= {prefix:String} AND startsWith(uid, {prefix:String})
ORDER BY uid
LIMIT {limit:UInt64}
