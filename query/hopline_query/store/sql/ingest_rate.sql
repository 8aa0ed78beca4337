SELECT sum(stored) FROM $database.ledger WHERE arrived >= {since_us:UInt64}
