"""Programs of people who have not heard of tracing, run by `hopline run` alone: their traces are whole.

Whole: each trace has one root, each other row's parent is there, and whatever was called either has its own row or is a
database, queue or cache with a name.
"""

import sys
from pathlib import Path

import httpx
import pytest

from support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("patient_exit")

TRIALS = Path(__file__).parents[1] / "trials"


@pytest.fixture
def run(children, collected):
    """``run("shop", *command, env=...)``: a service of that name, instrumented from outside."""

    def start(service: str, *command: str, env: dict[str, str]):
        launcher = ("-m", "hopline.launch", "--service", service, "--endpoint", collected.url, "--")
        return children.python(*launcher, sys.executable, *command, env=env, cwd=TRIALS)

    return start


def answers(url: str) -> None:
    def listening() -> bool:
        try:
            return httpx.get(url, timeout=60).status_code == 404
        except httpx.HTTPError:
            return False

    wait_until(listening, 60.0, what=url)


def whole_traces(rows: list[dict]) -> list[list[str]]:
    """Each trace of the buyer's as ``kind service name``, by path; asserts that it is whole."""
    traces: dict[str, list[dict]] = {}
    for row in rows:
        traces.setdefault(row["trace_id"], []).append(row)
    found = []
    for trace in traces.values():
        if not any(row["service"] == "buyer" for row in trace):
            continue
        ids = {row["id"] for row in trace}
        answered = {row["parent_id"] for row in trace if row["kind"] in {"server", "consumer"}}
        assert sum(row.get("parent_id") is None for row in trace) == 1, trace
        assert all(row.get("parent_id") is None or row["parent_id"] in ids for row in trace), trace
        calls = [row for row in trace if row["kind"] in {"client", "producer"}]
        assert all(row["id"] in answered or row["peer_kind"] in {"db", "cache"} for row in calls), trace
        assert all(row["peer"] for row in calls), trace
        trace.sort(key=lambda row: ([int(part) for part in row["span_id"].split(".")], row["start_us"]))
        found.append([f"{row['kind']} {row['service']} {row['name']}" for row in trace])
    return found


def test_django_postgres_celery(run, collected, free_port, postgres_port, redis_port):
    """I6: a request to Django, its statements and COMMIT, its task in a worker of Celery and that one's statement."""
    env = {"POSTGRES_PORT": str(postgres_port), "REDIS_PORT": str(redis_port)}
    assert run("setup", "-c", "import django_shop; django_shop.create_tables()", env=env).wait(120) == 0
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    run("shop", "-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "django_shop:application", env=env)
    run("shipping", "-m", "celery", "-A", "django_shop:queue", "worker", "-c", "1", "-l", "error", env=env)
    answers(url)
    assert run("buyer", "buyer.py", "GET", url, env=env).wait(120) == 0

    def found() -> bool:
        traces = whole_traces(collected.rows)
        assert len(traces) == 2
        for trace in traces:
            assert [line for line in trace if not line.endswith((" connect", " PUBLISH", " SELECT"))] == [
                "client buyer GET",
                "server shop GET /orders/{item}",
                "client shop INSERT shop_order",
                "client shop SELECT shop_order",
                "client shop COMMIT",
                "producer shop send django_shop.ship",
                "consumer shipping process django_shop.ship",
                "client shipping UPDATE shop_order",
            ]
        return True

    wait_until(found, what="two whole traces")


@pytest.fixture
def where(postgres_port, kafka_broker, topic) -> dict[str, str]:
    """What the FastAPI shop reads from its environment."""
    return {"POSTGRES_PORT": str(postgres_port), "KAFKA": kafka_broker.address, "TOPIC": topic(partitions=1)}


def test_fastapi_asyncpg_aiokafka(run, collected, free_port, where):
    """I6: a request to FastAPI, its statements, its message through Kafka and what another process does for it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    run("mail", "mailer.py", env=where).wait_for_text("reads", 60.0)
    run("shop", "-m", "uvicorn", "--port", str(port), "fastapi_shop:app", env=where)
    answers(url)
    assert run("buyer", "buyer.py", "POST", url, env=where).wait(120) == 0

    def found() -> bool:
        traces = whole_traces([row for row in collected.rows if row["name"] != "connect"])
        assert len(traces) == 2
        for trace in traces:
            assert trace == [
                "client buyer POST",
                "server shop POST /orders/{item}",
                "client shop BEGIN",
                "client shop INSERT orders",
                "client shop COMMIT",
                f"producer shop send {where['TOPIC']}",
                f"consumer mail process {where['TOPIC']}",
                "client mail INSERT mails",
            ]
        return True

    wait_until(found, what="two whole traces")
