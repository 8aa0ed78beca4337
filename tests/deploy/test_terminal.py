"""The waterfall in the terminal, and the verbs that ask a running server."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hopline_deploy import terminal
from hopline_deploy.commands import app


def node(span_id: str, service: str, start: int, length: int, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"name": f"work of {service}", "peer": "", "error": False, "error_type": "", "placeholder": False}
    place = {"span_id": span_id, "service": service, "start_us": start, "duration_us": length}
    return {**plain, **place, "children": list(children), **more}


TRACE = {
    "service": "A",
    "name": "GET /",
    "start_us": 1_000_000,
    "duration_us": 100_000,
    "rows": 6,
    "expected": 4,
    "received": 3,
    "state": "incomplete",
    "warnings": [{"code": "missing_parent", "message": "one call was not received"}],
    "missing": ["0.2"],
    "roots": [
        node(
            "0",
            "A",
            1_000_000,
            100_000,
            node("0.1", "B", 1_010_000, 50_000, error=True, error_type="Timeout"),
            node("0.2", "", 1_070_000, 20_000, node("0.2.1", "C", 1_070_000, 20_000), placeholder=True),
        )
    ],
}


def shown(what: Any) -> str:
    console = Console(width=120, record=True, color_system=None)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_waterfall_shows_ids_bars_and_what_is_missing() -> None:
    """O2: `hopline trace` draws the tree with bars, failures and missing calls."""
    text = shown(terminal.waterfall(TRACE))
    lines = text.splitlines()
    assert "6 spans, 3 of 4 calls  incomplete" in lines[0]
    assert [line.split()[0] for line in lines if line.strip().startswith("0")] == ["0", "0.1", "0.2", "0.2.1"]
    assert "work of B  Timeout" in text
    assert "(not received)" in text
    assert "missing: 0.2" in text
    whole, half = (next(line for line in lines if f"work of {name}" in line).count("█") for name in "AB")
    assert (whole, half) == (terminal.BAR_CELLS, terminal.BAR_CELLS // 2)


def test_a_deep_trace_does_not_recurse() -> None:
    """T19: thousands of levels are drawn line by line."""
    deep = node("0", "A", 0, 1)
    for _ in range(3_000):
        deep = node("0", "A", 0, 1, deep)
    assert shown(terminal.waterfall({**TRACE, "roots": [deep]})).count("work of A") == 3_001


@pytest.mark.parametrize(
    ("us", "text"), [(None, "-"), (820, "820 us"), (12_340, "12.3 ms"), (1_240_000, "1.24 s"), (0, "0 us")]
)
def test_durations_are_short(us: int | None, text: str) -> None:
    """Durations read in the unit that fits."""
    assert terminal.duration(us) == text


SUMMARY = {
    "trace_id": "6921c0de0123456789abcdef01234567",
    "service": "A",
    "name": "GET /",
    "start_us": 1,
    "duration_us": 5,
    "spans": 3,
    "failure": {"service": "C", "error_type": "Timeout"},
}


@pytest.fixture
def server():
    """An API with one trace; the requested addresses are in ``asked``."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = _answer(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}", asked
        serving.shutdown()
        thread.join()


def _answer(path: str) -> tuple[int, Any]:
    if path.startswith("/api/v1/traces/good"):
        return 200, TRACE
    if path.startswith("/api/v1/traces?"):
        traces = [] if "nobody" in path else [SUMMARY]
        return 200, {"traces": traces, "count": len(traces), "count_exact": True}
    if path.startswith("/api/v1/traces/bad"):
        return 400, {"error": {"message": "this is no trace id"}}
    return 404, {"error": {"message": "made 12 days ago: past the retention"}}


def run(server: tuple[str, list[str]], *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--server", server[0]])


def test_trace_verb(server) -> None:
    """O2: `hopline trace ID` prints the waterfall; --json the answer; 1 when it is not there, 2 for a bad id."""
    assert "work of B" in run(server, "trace", "good").output
    assert json.loads(run(server, "trace", "good", "--json").output) == TRACE
    missing = run(server, "trace", "0123")
    assert missing.exit_code == 1
    assert missing.stderr == "hopline: made 12 days ago: past the retention\n"
    assert run(server, "trace", "bad").exit_code == 2


def test_search_verb(server) -> None:
    """O2: `hopline search` sends what was asked and prints a line per trace."""
    answer = run(server, "search", "--uid", "u-4711", "--errors", "--filter", "a=b c")
    assert answer.exit_code == 0
    assert "C: Timeout" in answer.output
    assert "1 of 1 traces" in answer.output
    assert "uid=u-4711" in server[1][0]
    assert "filter=a%3Db+c" in server[1][0]
    assert "errors=true" in server[1][0]
    assert run(server, "search", "--service", "nobody").exit_code == 1


def test_export_verb(server, tmp_path: Path) -> None:
    """O2: `hopline export` writes the server's bytes to a file."""
    assert run(server, "export", "good", "-o", str(tmp_path / "t.json")).exit_code == 0
    assert json.loads((tmp_path / "t.json").read_bytes()) == TRACE
    assert "export?format=json" in server[1][0]


def test_a_server_that_is_away() -> None:
    """O2: one line that says who does not answer."""
    answer = CliRunner().invoke(app, ["trace", "good", "--server", "http://127.0.0.1:9"])
    assert answer.exit_code == 1
    assert answer.stderr.startswith("hopline: http://127.0.0.1:9 does not answer")
    assert CliRunner().invoke(app, ["trace", "good", "--server", "file:///etc/passwd"]).exit_code == 1
