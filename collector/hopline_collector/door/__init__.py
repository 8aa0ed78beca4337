"""Where spans come in: HTTP and gRPC receivers, bodies, the way into a log."""
