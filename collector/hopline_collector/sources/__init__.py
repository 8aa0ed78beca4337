"""The logs that the hand-over reads: Kafka and the local journal."""
