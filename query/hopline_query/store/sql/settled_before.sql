SELECT 1 FROM $database.settled
WHERE last_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND version < {first:UInt64}
LIMIT 1
