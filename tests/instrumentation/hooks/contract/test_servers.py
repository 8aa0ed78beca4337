"""What every serving hook does, each tried with its real library."""

from collections.abc import Callable, Iterator

import pytest

import hopline
from hopline.testing import Recorder
from support.contract import servers
from support.contract.server import IGNORED, Caller
from support.waiting import wait_until

PARENT = "00-6921c0de0123456789abcdef01234567-00f067aa0ba902b7-"
STATE = "hop=00f067aa0ba902b7;0.3;1000;gateway;z1;h1:8001;GET%20/"

SUBJECTS = servers.SUBJECTS


@pytest.fixture
def record() -> Iterator[Callable[..., Recorder]]:
    recorders: list[Recorder] = []

    def make(**settings) -> Recorder:
        recorders.append(Recorder(service="shop", ignore_paths=(IGNORED,), **settings))
        return recorders[-1]

    yield make
    for recorder in reversed(recorders):
        recorder.close()


@pytest.fixture
def caller(subject, install) -> Iterator[Caller]:
    if subject.hooks:
        install(*subject.hooks)
    with subject.serve() as caller:
        yield caller


def server_row(recorder: Recorder):
    """The only server row, once it has ended: an answer is here a moment before the row of it ends."""
    rows = wait_until(lambda: [row for row in recorder.spans if row.kind == "server"], what="a server row")
    assert len(rows) == 1, recorder.tree()
    return rows[0]


def test_one_row_named_by_the_template(subject, caller, record):
    """I3: exactly one row a request, named by the route's template, never the raw path; what it does is below."""
    recorder = record()
    assert caller.get("/ok/4711").status == 200
    row = server_row(recorder)
    assert (row.name, row.span_id, row.error) == (f"GET {subject.template}", "0", False)
    assert row.tags["http.request.method"] == "GET"
    assert row.tags["http.response.status_code"] == "200"
    assert (row.attrs["url.path"], row.attrs["client.address"]) == ("/ok/4711", "127.0.0.1")
    assert recorder.one(name="inside").parent_id == row.id


def test_continues_the_callers_trace(caller, record):
    """P1, P2: the row takes path and ids of its caller, and names it."""
    recorder = record()
    caller.get("/ok/1", {"traceparent": f"{PARENT}01", "tracestate": STATE})
    row = server_row(recorder)
    assert (row.trace_id, row.span_id, row.parent_id) == (PARENT[3:35], "0.3", PARENT[36:52])
    assert (row.caller_service, row.caller_name) == ("gateway", "GET /")


def test_unsampled_callers_make_no_row(caller, record):
    """I7: nothing is recorded of an unsampled trace, and its ids go on."""
    recorder = record()
    carried = caller.get("/ok/1", {"traceparent": f"{PARENT}00"}).json
    assert carried["traceparent"].startswith(PARENT[:35])
    assert carried["traceparent"].endswith("-00")
    assert recorder.spans == []


def test_unsampled_roots_make_no_row(caller, record):
    """I7: the decision of the root holds for all that runs below it."""
    recorder = record(sample=0)
    assert caller.get("/ok/1").json["traceparent"].endswith("-02")
    assert recorder.spans == []


def test_sampled_by_operation(subject, caller, record):
    """I7: a rule for an operation decides on its requests, though the route is known only later, and on no others."""
    recorder = record(sample_operations=(f"GET {subject.template}=0", "GET /status/{code}=1"), sample=1)
    assert caller.get("/ok/4711").json["traceparent"].endswith("-02")
    caller.get("/status/204")
    assert server_row(recorder).name.startswith("GET /status/" if subject.name not in {"asgi", "wsgi"} else "GET")


def test_answers_name_trace_and_service(caller, record):
    """I3: the answer says which trace it is, and which service has answered, whatever letters its name has."""
    recorder = record()
    answer = caller.get("/ok/1")
    assert answer.header("hopline-trace-id") == server_row(recorder).trace_id
    assert answer.header("hopline-service") == "shop"


def test_answers_say_nothing_by_setting(caller, record):
    """I3: HOPLINE_RESPONSE_HEADERS=false: the answer is as the application made it."""
    recorder = record(response_headers=False)
    answer = caller.get("/ok/1")
    assert answer.header("hopline-trace-id") is None
    assert answer.header("hopline-service") is None
    server_row(recorder)


def test_handlers_that_raise_fail_the_row(caller, record):
    """I3: an unhandled error is the row's, and what the client gets is a 500."""
    recorder = record()
    caller.get("/breaks")
    row = server_row(recorder)
    assert (row.error, row.error_type, row.error_text) == (True, "Broken", "no stock")
    assert row.tags["http.response.status_code"] == "500"


@pytest.mark.parametrize(("status", "error_type"), [(404, ""), (503, "503")])
def test_only_5xx_fails_the_row(caller, record, status, error_type):
    """M: a server row fails for 5xx only."""
    recorder = record()
    assert caller.get(f"/status/{status}").status == status
    row = server_row(recorder)
    assert (row.error_type, row.tags["http.response.status_code"]) == (error_type, str(status))


def test_streams_are_inside_the_row(caller, record):
    """I3: the row ends with the last chunk; what makes them is below it; the next request is another trace."""
    recorder = record()
    assert caller.get("/stream").body.replace(b"\n", b"") == b"onetwo"
    row = server_row(recorder)
    lines = [line for line in recorder.spans if line.name == "line"]
    assert [line.parent_id for line in lines] == [row.id] * 2
    recorder.clear()
    caller.get("/ok/1")
    assert server_row(recorder).trace_id != row.trace_id


def test_streams_that_break_fail_the_row(caller, record):
    """I3: a body that fails half-way is a failure, though its answer began with 200."""
    recorder = record()
    caller.get("/stream-breaks")
    row = server_row(recorder)
    assert (row.error, row.error_type) == (True, "Broken")
    assert row.tags["http.response.status_code"] == "200"


def test_clients_that_leave_fail_the_row(caller, record):
    """I3: a client that goes away before the end is a disconnect."""
    recorder = record()
    caller.leave("/endless")
    assert server_row(recorder).error_type == "ClientDisconnect"


def test_cancelled(caller, record):
    """I3: a request whose task is cancelled has failed: nobody got its answer, and no status is made up."""
    recorder = record()
    caller.get("/cancelled")
    row = server_row(recorder)
    assert row.error
    assert row.error_type in {"CancelledError", "ClientDisconnect"}


def test_nothing_below_an_ignored_path(caller, record):
    """I3: of a request that the settings ignore there is no row, nor of what it does, here or at its callees."""
    recorder = record()
    answer = caller.get(IGNORED)
    assert answer.json["traceparent"].endswith("-02")
    assert answer.header("hopline-trace-id") is None
    caller.get(IGNORED, {"traceparent": f"{PARENT}01"})
    assert recorder.spans == []


def test_disabled_changes_nothing(caller, record):
    """I10: the kill switch: no row, no header in, no header out."""
    recorder = record()
    hopline.disable()
    answer = caller.get("/ok/1")
    assert (answer.status, answer.json, answer.header("hopline-trace-id")) == (200, {}, None)
    assert recorder.spans == []


@pytest.mark.parametrize(
    "place",
    ["hopline.tracer.Tracer.receive_http", "hopline.spans.Span.begin", "hopline.hooks.server.HttpCall.describe"],
)
def test_our_failures_are_not_the_applications(caller, record, monkeypatch, place):
    """I10: whatever of ours fails, the request is answered, and a counter rises."""
    recorder = record()
    monkeypatch.setattr(place, lambda *_, **__: 1 // 0)
    assert caller.get("/ok/1").status == 200
    wait_until(lambda: recorder.counters()["events"].get("hook_errors"), what="the error is counted")
