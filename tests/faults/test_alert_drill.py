"""A drill: payments break, somebody is told once, the link opens what failed, it resolves; evaluators die in turn."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from support import wait_until
from support.clickhouse_server import Server as ClickHouseServer
from support.hopline_process import Server
from support.ports import lasting_ports

RULES = """
[[receiver]]
name = "ops"
webhook = "{hook}"
[[receiver]]
name = "away"
webhook = "http://127.0.0.1:{away}/"
[[rule]]
name = "payments fail"
service = "payments"
measure = "success_rate"
below = 0.9
over = "10s"
for = "2s"
notify = ["ops", "away"]
"""


class Shop:
    """Calls of payments, ten a second, until it is closed; all of them fail while `broken`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.broken = False
        self.failed: list[tuple[int, str]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.1):
            number += 1
            now = time.time_ns() // 1000
            row = {"trace_id": f"{now:032x}", "span_id": "0", "id": f"{number:016x}", "kind": "server"}
            row |= {"service": "payments", "name": "POST /charges", "start_us": now, "duration_us": 900}
            if self.broken:
                row |= {"error": True, "error_type": "BankTimeout"}
                self.failed.append((now, row["trace_id"]))
            httpx.post(f"{self.url}/api/v1/spans", json=[row], timeout=60)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def rules_over(tmp_path: Path, hook: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rules file, which every process started in the test reads."""
    file = rules_file(tmp_path, hook[0])
    monkeypatch.setenv("HOPLINE_ALERTS", str(file))
    return file


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook's address, and the bodies that it got."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got
        server.shutdown()
        thread.join()


def rules_file(folder: Path, hook: str) -> Path:
    (away,) = lasting_ports(1)
    file = folder / "alerts.toml"
    file.write_text(RULES.format(hook=hook, away=away))
    return file


def state(server: Server) -> list[str]:
    return [alert["state"] for alert in server.get("alerts")["alerts"]]


def counted_by(server: Server, link: str) -> set[str]:
    """Traces that an alert's link opens; the page answers too."""
    assert httpx.get(server.url + link, timeout=60).status_code == 200
    answer = httpx.get(f"{server.url}/api/v1/traces?{urlsplit(link).query}&limit=1000", timeout=60).json()
    return {trace["trace_id"] for trace in answer["traces"]}


def test_payments_break(hopline_up: Callable[..., Server], hook: Any, rules_over: Path) -> None:
    """A1: fires within 60 s, once; the link opens exactly the failing calls; a silence holds; it resolves."""
    got, file = hook[1], rules_over
    server = hopline_up()
    shop = Shop(server.url)
    try:
        wait_until(lambda: server.get("stats")["services"], what="figures")
        assert state(server) == []
        shop.broken = True
        broken_at = time.monotonic()
        (body,) = wait_until(lambda: got, what="a notification")
        assert time.monotonic() - broken_at < 60
        assert (body["rule"], body["state"], body["threshold"]) == ("payments fail", "firing", 0.9)
        assert body["labels"] == {"service": "payments"}
        query = dict(part.split("=") for part in urlsplit(body["link"]).query.split("&"))
        window = range(int(query["from"]), int(query["to"]))
        # What was under way when the window closed is stored by and by.
        calls = {trace for at, trace in list(shop.failed) if at in window}
        wait_until(
            lambda: counted_by(server, body["link"]) == calls, what="the failing calls, all of them and no other"
        )
        assert state(server) == ["firing"]
        shop.broken = False
        wait_until(lambda: len(got) > 1, what="the end")
        assert [one["state"] for one in got] == ["firing", "resolved"]
        file.write_text(file.read_text() + '[[silence]]\nrule = "payments fail"\nuntil = 2099-01-01T00:00:00Z\n')
        shop.broken = True
        wait_until(lambda: state(server) == ["silenced"], what="a silenced alert")
        assert len(got) == 2
    finally:
        shop.close()


def test_two_evaluators_die_in_turn(
    hopline_up: Callable[..., Server], clickhouse: ClickHouseServer, hook: Any, rules_over: Path
) -> None:
    """A1: with two processes over one store, one killed before and one after the firing, one notification goes out."""
    got = hook[1]
    store = ("--clickhouse", clickhouse.url, "--database", "drill")
    collector = hopline_up(*store, "--data", str(rules_over.parent / "c"), role="collector")
    first, second = (hopline_up(*store, role="query") for _ in range(2))
    shop = Shop(collector.url)
    try:
        wait_until(lambda: first.get("stats")["services"], what="figures")
        first.child.kill9()
        shop.broken = True
        wait_until(lambda: got, what="a notification")
        third = hopline_up(*store, role="query")
        second.child.kill9()
        shop.broken = False
        wait_until(lambda: len(got) > 1, what="the end")
        assert state(third) == ["resolved"]
        assert [one["state"] for one in got] == ["firing", "resolved"]
    finally:
        shop.close()
        clickhouse.execute("DROP DATABASE IF EXISTS drill")
