"""The exactly-once protocol: plan, insert, commit."""
