from collections import Counter
from pathlib import Path

import httpx
import pytest

from support import wait_until

HERE = Path(__file__).parent


@pytest.fixture
def service(children, collector, free_port):
    def start(name: str, calls: str = "", server: tuple[str, ...] = ()) -> str:
        port = free_port()
        command = server or ("uvicorn", "service_app:app", "--log-level", "warning", "--port", "{port}")
        child = children.python(
            "-m",
            *(part.format(port=port) for part in command),
            env={"HOPLINE_SERVICE": name, "HOPLINE_ENDPOINT": collector.url, "CALLS": calls, "PYTHONPATH": str(HERE)},
            cwd=HERE,
        )
        url = f"http://127.0.0.1:{port}"
        child.wait_for_url(f"{url}/health")
        return url

    return start


def test_tree_of_four_processes(service, collector):
    """M2: A (0) calls B (0.1) and E (0.2), B calls C (0.1.1), over real HTTP between processes."""
    c = service("C")
    b = service("B", calls=c)
    e = service("E")
    a = service("A", calls=f"{b},{e}")
    answer = httpx.get(f"{a}/serve/0", timeout=60)
    wait_until(lambda: len(collector.ended) == 7)
    rows = {(row["service"], row["kind"], row["span_id"]): row for row in collector.ended}
    assert set(rows) == {
        ("A", "server", "0"),
        ("A", "client", "0.1"),
        ("B", "server", "0.1"),
        ("B", "client", "0.1.1"),
        ("C", "server", "0.1.1"),
        ("A", "client", "0.2"),
        ("E", "server", "0.2"),
    }
    assert {row["trace_id"] for row in rows.values()} == {answer.headers["hopline-trace-id"]}
    assert {row.get("uid") for row in rows.values()} == {"u-4711"}
    assert rows["A", "client", "0.1"]["peer"] == "B"
    for service_name, path, caller in (("B", "0.1", "A"), ("C", "0.1.1", "B"), ("E", "0.2", "A")):
        server, client = rows[service_name, "server", path], rows[caller, "client", path]
        assert server["parent_id"] == client["id"]
        assert server["caller_service"] == caller
        assert server["name"] == server["caller_name"] == "GET /serve/{n}"
        assert client["start_us"] <= server["start_us"]


@pytest.mark.parametrize(
    "server",
    [
        ("uvicorn", "service_app:app", "--log-level", "warning", "--workers", "4", "--port", "{port}"),
        (
            "gunicorn",
            "service_app:app",
            "--preload",
            "--workers=2",
            "--worker-class=uvicorn.workers.UvicornWorker",
            "--bind=127.0.0.1:{port}",
        ),
    ],
    ids=["uvicorn workers", "gunicorn preload"],
)
def test_forking_servers(service, collector, server):
    """I3, S4: under uvicorn --workers 4 and gunicorn --preload each worker ships its own rows, each once."""
    url = service("W", server=server)
    pids = Counter()
    for _ in range(20):
        with httpx.Client(timeout=60) as client:
            pids[client.get(f"{url}/serve/1").json()["pid"]] += 1
    wait_until(lambda: len(collector.ended) == 20)
    instances = Counter(int(row["instance"].rpartition(":")[2]) for row in collector.ended)
    assert instances == pids
    assert len({row["id"] for row in collector.ended}) == 20
