"""Fixtures for every test; each loads its heavy part only when a test asks for it."""

pytest_plugins = ["support.process", "support.kafka", "support.browser", "support.engine"]
