SELECT max(arrived) FROM $database.ledger
