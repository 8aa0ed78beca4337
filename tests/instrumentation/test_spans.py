import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

import hopline
from hopline.ids import MAX_DEPTH
from hopline.testing import Recorder


def test_children_are_numbered_from_one(recorder):
    """M2: without inbound context a trace begins at 0; its children are 0.1, 0.2, 0.3, those of 0.2 are 0.2.1 ..."""
    with hopline.span("root"):
        with hopline.span("first"):
            pass
        with hopline.span("second"):
            with hopline.span("below"):
                pass
            with hopline.span("below again"):
                pass
        with hopline.span("third"):
            pass
    assert {row.name: row.span_id for row in recorder.spans} == {
        "root": "0",
        "first": "0.1",
        "second": "0.2",
        "below": "0.2.1",
        "below again": "0.2.2",
        "third": "0.3",
    }
    root, second = recorder.one(name="root"), recorder.one(name="second")
    assert (root.children, second.children, recorder.one(name="below").children) == (3, 2, 0)
    assert root.parent_id is None
    assert second.parent_id == root.id
    assert re.fullmatch("[0-9a-f]{32}", root.trace_id)
    assert {row.trace_id for row in recorder.spans} == {root.trace_id}


def test_trace_id_tells_its_time():
    """M: the first 8 hex of a native trace id are the Unix seconds of its creation."""
    with Recorder(clock=lambda: 1_763_800_000_123_456_789) as recorder, hopline.span("root"):
        pass
    row = recorder.one(name="root")
    assert int(row.trace_id[:8], 16) == 1_763_800_000
    assert (row.start_us, row.duration_us) == (1_763_800_000_123_456, 0)


def test_64_threads_under_one_parent(recorder):
    """M3: 64 threads under one parent get 1..N without gap or repeat."""

    def work():
        for _ in range(20):
            with hopline.span("child"):
                pass

    with hopline.span("root"):
        threads = [threading.Thread(target=copy_context().run, args=(work,)) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    numbers = sorted(int(row.span_id.split(".")[1]) for row in recorder.spans if row.name == "child")
    assert numbers == list(range(1, 64 * 20 + 1))
    assert recorder.one(name="root").children == 64 * 20


def test_1000_tasks_under_one_parent(recorder):
    """M3: 1,000 asyncio tasks under one parent get 1..N without gap or repeat."""

    async def work():
        async with hopline.span("child"):
            await asyncio.sleep(0)

    async def main():
        with hopline.span("root"):
            await asyncio.gather(*(work() for _ in range(1000)))

    asyncio.run(main())
    numbers = sorted(int(row.span_id.split(".")[1]) for row in recorder.spans if row.name == "child")
    assert numbers == list(range(1, 1001))


def test_call_rows_number_no_children(recorder):
    """M4: what happens inside a client row becomes its sibling, and the callee takes the client's own path."""
    with hopline.span("root"), hopline.span("call", kind="client", peer="stock") as call:
        headers = hopline.inject({})
        again = hopline.inject({})
        with hopline.span("parse"):
            pass
    assert f"hop={call.id};0.1;" in headers["tracestate"]
    assert headers == again
    assert headers["traceparent"].split("-")[2] == call.id
    parse = recorder.one(name="parse")
    assert parse.span_id == "0.2"
    assert parse.parent_id == recorder.one(name="root").id
    assert recorder.one(name="call").children == 0


def test_inject_elsewhere_takes_the_next_number(recorder):
    """M4: inject() in any other row takes the next child number and sends the current row as parent."""
    with hopline.span("root") as root:
        with hopline.span("first"):
            pass
        headers = hopline.inject({})
        with hopline.span("third"):
            pass
    assert f"hop={root.id};0.2;" in headers["tracestate"]
    assert recorder.one(name="third").span_id == "0.3"
    assert recorder.one(name="root").children == 3


def test_nothing_is_numbered_under_a_call_at_the_root(recorder):
    """M4: a root that is a call leaves its path to the callee: nothing under it takes a number."""
    with hopline.span("call", kind="client"), hopline.span("inside") as inside:
        inside.tag("kept", "no")
    assert [row.name for row in recorder.spans] == ["call"]


def test_four_stages_of_a_call(recorder):
    """I2: client_send, server_recv, server_send, client_recv make two rows with one path, and a third below."""
    headers: dict[str, str] = {}
    with hopline.span("root"):
        outgoing = hopline.client_send("greet", headers, peer="greeter")
        incoming = copy_context().run(hopline.server_recv, "greet", headers)
        hopline.server_send(incoming)
        hopline.client_recv(outgoing, TimeoutError("late"))
        assert hopline.current_span().name == "root"
    client, server = recorder.one(kind="client"), recorder.one(kind="server")
    assert client.span_id == server.span_id == "0.1"
    assert server.parent_id == client.id
    assert (client.peer, client.peer_kind, client.error_type) == ("greeter", "service", "TimeoutError")
    assert (server.caller_service, server.caller_name, server.error) == ("shop", "root", False)


def test_work_between_server_stages_nests(recorder):
    """I2: between server_recv and server_send the server row is the current span."""
    row = hopline.server_recv("op", {})
    with hopline.span("inside"):
        pass
    hopline.server_send(row)
    assert hopline.current_span().id == ""
    assert recorder.one(name="inside").span_id == "0.1"


def test_hop_that_does_not_know_us_makes_a_fragment(recorder):
    """M10: a parent without a valid hop: the first row is ~, its descendants ~.1, ~.1.1, joined by parent_id."""
    foreign = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "other=1"}
    hopline.server_send(hopline.server_recv("plain", foreign))
    entry = hopline.server_recv("deep", foreign)
    with hopline.span("one"), hopline.span("two"):
        headers = hopline.inject({})
    hopline.server_send(entry)
    assert recorder.one(name="deep").span_id == "~"
    assert recorder.one(name="deep").parent_id == "00f067aa0ba902b7"
    assert [recorder.one(name=name).span_id for name in ("one", "two")] == ["~.1", "~.1.1"]
    assert headers["tracestate"].split(",")[1] == "other=1"
    assert ";~.1.1.1;" in headers["tracestate"]


def test_uid_reaches_the_entry_row_and_later_calls(recorder):
    """M11: set_uid in a thread and in a task reaches the entry row and every later row and call."""

    async def dependency():
        hopline.set_uid("u-4711")

    async def main():
        await asyncio.create_task(dependency())

    entry = hopline.server_recv("request", {})
    with hopline.span("before"):
        pass
    asyncio.run(main())
    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, hopline.put, "tenant", "t1").result()
    with hopline.span("after"):
        headers = hopline.inject({})
    hopline.server_send(entry)
    assert {row.name: row.uid for row in recorder.spans} == {"request": "u-4711", "before": "", "after": "u-4711"}
    assert headers["baggage"] == "uid=u-4711,tenant=t1"


def test_load_test_travels_and_is_stored(recorder):
    """P6: load_test put at the root marks the entry row, later rows and the callee's rows."""
    with hopline.span("root"):
        hopline.put("load_test", "1")
        headers = hopline.inject({})
    hopline.server_send(hopline.server_recv("callee", headers))
    assert [row.flags for row in recorder.spans] == [5, 5]


@pytest.mark.parametrize("depth", [MAX_DEPTH])
def test_too_deep_begins_a_new_trace_that_links(recorder, depth):
    """M7: the row that would be the 81st level starts a new trace, linked to the old one, and is counted."""

    def descend(levels):
        with hopline.span(f"level {levels}"):
            if levels:
                descend(levels - 1)

    descend(depth)
    rows = recorder.spans
    assert max(row.span_id.count(".") + 1 for row in rows) == depth
    fresh = recorder.one(name="level 0")
    parent = recorder.one(name="level 1")
    assert fresh.span_id == "0"
    assert fresh.trace_id != parent.trace_id
    assert fresh.links == [(parent.trace_id, parent.id, "local")]
    assert recorder.counters()["events"]["restarted_traces"] == 1


def test_too_deep_across_a_hop_begins_a_new_trace_that_links(recorder):
    """M7: a callee whose path would be too deep starts a new trace that links to its caller."""
    path = "0" + ".1" * (MAX_DEPTH - 1)
    caller = {
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": f"hop=00f067aa0ba902b7;{path}",
    }
    row = hopline.server_recv("deep", caller)
    headers = hopline.inject({})
    hopline.server_send(row)
    hopline.server_send(hopline.server_recv("too deep", headers))
    assert recorder.one(name="deep").span_id == path
    fresh = recorder.one(name="too deep")
    assert fresh.span_id == "0"
    assert fresh.links == [(row.trace_id, row.id, "client")]


def test_exception_marks_the_row_and_goes_on_unchanged(recorder):
    """I1: an exception is recorded once and re-raised unchanged; the current span is restored."""
    error = ValueError("no stock")
    with pytest.raises(ValueError) as caught, hopline.span("root"):
        raise error
    assert caught.value is error
    row = recorder.one(name="root")
    assert (row.error, row.error_type, row.error_text, row.annotations) == (True, "ValueError", "no stock", [])
    assert hopline.current_span().id == ""


def test_cancellation_closes_quietly(recorder):
    """I1: CancelledError and GeneratorExit close the span without an error."""

    async def wait():
        with hopline.span("waiting"):
            await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert recorder.one(name="waiting").error is False


def test_values_that_are_no_text(recorder):
    """I10: tags of any type, and values whose __str__ raises, never fail the request."""

    class Bad:
        def __str__(self):
            raise RuntimeError("never")

    with hopline.span("root", tags={"n": 1}) as row:
        row.tag("none", None)
        row.tag("flag", True)
        row.tag("bad", Bad())
        row.tag("bytes", b"\xff")
        row.annotate("note", 1.5)
        row.tag(7, "seven")  # type: ignore[arg-type]
        hopline.set_uid("a\r\nb")
    stored = recorder.one(name="root")
    assert stored.tags["n"] == "1"
    assert stored.tags["flag"] == "true"
    assert stored.tags["bad"] == "<Bad: RuntimeError in __str__>"
    assert stored.annotations[0][1:] == ("note", "1.5")
    assert stored.uid == "ab"


def test_unsampled_root_keeps_ids_and_baggage():
    """I7: an unsampled trace records nothing but sends its id with flag 00 and its baggage on."""
    with Recorder(sample=0.0) as recorder:
        with hopline.span("root") as root:
            hopline.set_uid("u1")
            with hopline.span("child") as child:
                child.tag("a", "b")
                assert child.trace_id == root.trace_id != ""
                with hopline.span("grandchild") as grandchild:
                    headers = hopline.inject({})
        assert child is grandchild
        assert headers["traceparent"] == f"00-{root.trace_id}-{root.id}-02"
        assert headers["baggage"] == "uid=u1"
        hopline.server_send(hopline.server_recv("callee", headers))
        assert recorder.spans == []
        assert recorder.counters()["recorded"] == 0


def test_repeated_names_and_deep_recursion(recorder):
    """I: nested spans of the same name nest by path, not by name."""
    with hopline.span("same"), hopline.span("same"), hopline.span("same"):
        pass
    assert [row.span_id for row in recorder.spans] == ["0", "0.1", "0.1.1"]
