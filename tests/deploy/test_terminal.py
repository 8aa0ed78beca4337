"""The waterfall in the terminal, and the verbs that ask a running server."""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import typer
from rich.cells import cell_len
from rich.text import Text
from typer.testing import CliRunner

from hopline_deploy import terminal
from hopline_deploy.commands import app
from hopline_query.api import described

SEARCH_VERB = typer.main.get_command(app).commands["search"]


def node(span_id: str, service: str, start: int, length: int, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"name": f"work of {service}", "peer": "", "error": False, "error_type": "", "placeholder": False}
    place = {"span_id": span_id, "service": service, "start_us": start, "duration_us": length}
    return {**plain, **place, "children": list(children), **more}


TRACE = {
    "trace_id": "6921c0de0123456789abcdef01234567",
    "service": "A",
    "name": "GET /",
    "start_us": 1_000_000,
    "duration_us": 60_000,
    "extent_us": 100_000,
    "after_us": 40_000,
    "spans": 6,
    "rows": 6,
    "errors": 1,
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


def shown(lines: list[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def test_waterfall_shows_ids_bars_and_what_is_missing() -> None:
    """O2: `hopline trace` draws the tree with bars, failures and missing calls."""
    text = shown(terminal.waterfall(TRACE, 120))
    lines = text.splitlines()
    assert lines[0] == TRACE["trace_id"]
    assert "6 spans, 3 of 4 calls  incomplete  1 failed" in lines[1]
    assert "60 ms, +40 ms after the answer" in lines[1]
    assert [line.split()[0] for line in lines if re.match(r" *0", line)] == ["0", "0.1", "0.2", "0.2.1"]
    assert "work of B  Timeout" in text
    assert "(not received)" in text
    assert "missing: 0.2" in text
    whole, half = (next(line for line in lines if f"work of {name}" in line).count("█") for name in "AB")
    assert (whole, half) == (40, 20)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_every_width_keeps_ids_times_and_bars(width: int) -> None:
    """A8: at 40 columns as at 200 each call has its whole id, its time and its bar; from 40 on no line is wider."""
    lines = shown(terminal.waterfall({**TRACE, "missing": [], "warnings": []}, width)).splitlines()
    assert lines[0] == TRACE["trace_id"]
    for span_id, took in (("0", "100 ms"), ("0.1", "50 ms"), ("0.2.1", "20 ms")):
        (place,) = [i for i, line in enumerate(lines) if line.split()[:1] == [span_id]]
        assert any(took in line and "█" in line for line in lines[place : place + 2])
    assert width < 40 or max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_every_width_keeps_the_ids_of_results(width: int) -> None:
    """A8: a found trace can be copied and read at any width: id, start, duration."""
    text = shown(terminal.results({"traces": [SUMMARY], "count": 1, "count_exact": True, "next_cursor": "abc"}, width))
    assert [w for w in text.split() if w == SUMMARY["trace_id"]]
    assert "1970-01-01 00:00:00Z" in text
    assert "5 us" in text
    assert "--cursor abc" in text


def test_a_deep_trace_does_not_recurse() -> None:
    """T19: thousands of levels are drawn line by line."""
    deep = node("0", "A", 0, 1)
    for _ in range(3_000):
        deep = node("0", "A", 0, 1, deep)
    assert shown(terminal.waterfall({**TRACE, "roots": [deep]}, 120)).count("work of A") == 3_001


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


def test_every_condition_of_the_api_is_an_option(server) -> None:
    """A8: what the search page can ask the command can, by option, by --with or as a pasted link; options win."""
    options = {name for parameter in SEARCH_VERB.params for name in parameter.opts}
    for parameter in described.SEARCH["openapi_extra"]["parameters"]:
        name, flag = parameter["name"], f"--{parameter['name'].replace('_', '-')}"
        switch = flag in {"--errors", "--entry", "--unfinished"}
        words = ([flag] if switch else [flag, "true"]) if flag in options else ["--with", f"{name}=true"]
        run(server, "search", *words)
        assert parse_qs(urlsplit(server[1][-1]).query) == {name: ["true"]}
    run(server, "search", "https://t.example/tracing/search?service=a&errors=true", "--service", "b")
    assert parse_qs(urlsplit(server[1][-1]).query) == {"service": ["b"], "errors": ["true"]}
    refused = run(server, "search", "http://t.example/")
    assert (refused.exit_code, refused.stderr[:9]) == (2, "hopline: ")


@pytest.mark.parametrize(
    "given",
    [
        f"http://127.0.0.1:9411/traces/{TRACE['trace_id']}?view=flame#x",
        f"http://127.0.0.1:16686/trace/{TRACE['trace_id']}",
        f" {TRACE['trace_id']}\n",
    ],
)
def test_pasted_ids(server, given: str) -> None:
    """A8: links of our pages and of others' name their trace."""
    run(server, "trace", given)
    assert server[1][-1] == f"/api/v1/traces/{TRACE['trace_id']}"


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"{}", b""])
def test_a_server_of_another_kind(body: bytes) -> None:
    """A8: an address where something else answers is told in one line."""

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        thread = Thread(target=other.serve_forever)
        thread.start()
        for verb in (["trace", "0" * 31 + "1"], ["search"], ["dead", "list"]):
            answer = CliRunner().invoke(app, [*verb, "--server", f"http://127.0.0.1:{other.server_port}"])
            assert answer.exit_code == 1
            assert re.fullmatch(r"hopline: [^\n]+\n", answer.stderr)
        other.shutdown()
        thread.join()


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


def test_stored_names_are_no_markup() -> None:
    """O2: brackets in a name are printed, never read as colours, links or closing tags."""
    hostile = "a[/b]c [id] [link=http://x]y"
    trace = {"start_us": 0, "trace_id": "0" * 32, "service": hostile, "name": hostile, "duration_us": 1, "spans": 1}
    answer = {"traces": [{**trace, "failure": None}], "count": 1, "count_exact": True}
    assert f"{hostile} {hostile}" in shown(terminal.results(answer, 200))


def test_stored_names_cannot_steer_the_terminal() -> None:
    """A8: escape sequences, line ends and marks that turn the reading direction are shown as replaced."""
    hostile = "a\x1b[2Jb\nc\u202ed"
    trace = {"start_us": 0, "trace_id": "0" * 32, "service": hostile, "name": "x", "duration_us": 1, "spans": 1}
    answer = {"traces": [{**trace, "failure": None}], "count": 1, "count_exact": True}
    assert "a�[2Jb�c�d x" in shown(terminal.results(answer, 200))
