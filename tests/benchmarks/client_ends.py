"""How much later a script ends when its collector or broker is away, in whole processes."""

import socket
import statistics
import subprocess
import sys
from time import perf_counter

GOAL = 500
"""S5: milliseconds."""

BARE = "import os, hopline\nhopline.configure(service='bench', endpoint='none:')\nos._exit(0)\n"
TRACED = """
import sys, hopline
hopline.configure(service="bench", endpoint=sys.argv[1])
with hopline.span("root"), hopline.span("step"):
    pass
"""


def figures(rounds: int = 9) -> dict[str, float]:
    """Milliseconds beyond a script that ends at once, by where the rows were to go: medians of pairs in turn."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        return {scheme: _later(f"{scheme}://{address}", rounds) for scheme in ("http", "kafka")}


def _later(endpoint: str, rounds: int) -> float:
    bare = f"import kafka\n{BARE}" if endpoint.startswith("kafka") else BARE
    return statistics.median(_took(TRACED, endpoint) - _took(bare, endpoint) for _ in range(rounds)) * 1e3


def _took(script: str, endpoint: str) -> float:
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", script, endpoint], check=False, capture_output=True)
    return perf_counter() - begin
