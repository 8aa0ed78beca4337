"""Where finished rows go: memory, HTTP to a collector, or Kafka."""
