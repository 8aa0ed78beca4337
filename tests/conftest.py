"""Fixtures for every test; each loads its heavy part only when a test asks for it."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = [
    *("support.process", "support.kafka", "support.browser", "support.engine", "support.clickhouse_server"),
    *("support.stores", "support.hopline_process"),
    "support.zipkin_server",
]

# The same examples on every run, so that a red build is the change's fault.
settings.register_profile("steady", derandomize=True, max_examples=50, deadline=None)
settings.register_profile(
    "fuzz", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
