"""A real Zipkin server beside ours, to compare answers with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.need import require
from support.ports import lasting_ports
from support.process import Child, Children

JARS = Path(__file__).parents[2] / ".cache" / "zipkin"
TEN_YEARS_MS = 315_360_000_000


def missing_reason() -> str:
    """Why no Zipkin can be started here; empty when one can."""
    if shutil.which("java") is None:
        return "java is not installed"
    return "" if _jars() else "its jar is not there: run `make setup`"


def _jars() -> list[Path]:
    return sorted(JARS.glob("zipkin-server-*-exec.jar"))


@pytest.fixture(scope="session")
def zipkin_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Zipkin that keeps spans in memory, started once for a whole run."""
    require("Zipkin server", missing_reason())
    children = Children(tmp_path_factory.mktemp("zipkin"))
    try:
        yield start(children)
    finally:
        children.stop()


def start(children: Children) -> str:
    """Start a Zipkin server and wait until it is ready; its address."""
    (port,) = lasting_ports(1)
    child: Child = children.start(
        *("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", str(_jars()[-1])),
        env={
            "QUERY_PORT": str(port),
            "QUERY_LOOKBACK": str(TEN_YEARS_MS),
            "STORAGE_TYPE": "mem",
            "SELF_TRACING_ENABLED": "false",
        },
    )
    url = f"http://127.0.0.1:{port}"
    child.wait_for_url(f"{url}/health", 120.0)
    return url
