"""The published conformance cases of W3C trace-context, over real HTTP (github.com/w3c/trace-context, folder test).

Each case carries the name it has there. A traced service gets the case's headers and calls a
server that notes what arrives; the table says what must arrive. Where the published suite has
changed its mind (a key that comes twice), the later form holds.
"""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from serving import serve

import hopline
from hopline.middleware.asgi import TraceMiddleware
from hopline.testing import Recorder

TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER_TRACE = "1af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
ZEROS = "0" * 32
PAIRS = [f"k{n:02}={n}" for n in range(33)]

Header = tuple[str, str]


@dataclass
class Case:
    """Request headers, and what a conforming service sends on."""

    name: str
    sent: list[Header]
    follows: bool = True
    """Whether the trace goes on; else a new one begins."""
    members: list[str] | None = None
    """The members that must go on, in this order, ours aside; ``None``: the case does not say."""
    one_of: list[list[str]] = field(default_factory=list)
    """Where several answers conform."""

    def __str__(self) -> str:
        return self.name


def parent(version: str = "00", trace: str = TRACE, span: str = PARENT, flags: str = "01", rest: str = "") -> Header:
    return ("traceparent", f"{version}-{trace}-{span}-{flags}{rest}")


def state(name: str, *values: str, members: list[str], one_of: list[list[str]] | None = None) -> Case:
    """A valid traceparent with these tracestate headers."""
    sent = [parent(flags="00"), *(("tracestate", value) for value in values)]
    return Case(name, sent, members=None if one_of else members, one_of=one_of or [])


KEY = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
VALUE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")

CASES = [
    Case("both_traceparent_and_tracestate_missing", [], follows=False, members=[]),
    Case("traceparent_included_tracestate_missing", [parent()], members=[]),
    Case("traceparent_duplicated", [parent(trace=OTHER_TRACE), parent()], follows=False),
    Case("traceparent_header_name", [("trace-parent", parent()[1])], follows=False),
    Case("traceparent_header_name", [("trace.parent", parent()[1])], follows=False),
    Case("traceparent_header_name_valid_casing", [("TraceParent", parent()[1])]),
    Case("traceparent_header_name_valid_casing", [("TrAcEpArEnT", parent()[1])]),
    Case("traceparent_header_name_valid_casing", [("TRACEPARENT", parent()[1])]),
    Case("traceparent_version_0x00", [parent(rest=".")], follows=False),
    Case("traceparent_version_0x00", [parent(rest="-later")], follows=False),
    Case("traceparent_version_0xcc", [parent("cc")]),
    Case("traceparent_version_0xcc", [parent("cc", rest="-later")]),
    Case("traceparent_version_0xcc", [parent("cc", rest=".later")], follows=False),
    Case("traceparent_version_0xff", [parent("ff")], follows=False),
    Case("traceparent_version_illegal_characters", [parent(".0")], follows=False),
    Case("traceparent_version_illegal_characters", [parent("0.")], follows=False),
    Case("traceparent_version_too_long", [parent("000")], follows=False),
    Case("traceparent_version_too_long", [parent("0000")], follows=False),
    Case("traceparent_version_too_short", [parent("0")], follows=False),
    Case("traceparent_trace_id_all_zero", [parent(trace=ZEROS)], follows=False),
    Case("traceparent_trace_id_illegal_characters", [parent(trace="." + TRACE[1:])], follows=False),
    Case("traceparent_trace_id_illegal_characters", [parent(trace=TRACE[:-1] + ".")], follows=False),
    Case("traceparent_trace_id_too_long", [parent(trace=TRACE + "3")], follows=False),
    Case("traceparent_trace_id_too_short", [parent(trace=TRACE[:-1])], follows=False),
    Case("traceparent_parent_id_all_zero", [parent(span=ZEROS[:16])], follows=False),
    Case("traceparent_parent_id_illegal_characters", [parent(span="." + PARENT[1:])], follows=False),
    Case("traceparent_parent_id_illegal_characters", [parent(span=PARENT[:-1] + ".")], follows=False),
    Case("traceparent_parent_id_too_long", [parent(span=PARENT + "7")], follows=False),
    Case("traceparent_parent_id_too_short", [parent(span=PARENT[:-1])], follows=False),
    Case("traceparent_trace_flags_illegal_characters", [parent(flags=".0")], follows=False),
    Case("traceparent_trace_flags_illegal_characters", [parent(flags="0.")], follows=False),
    Case("traceparent_trace_flags_too_long", [parent(flags="001")], follows=False),
    Case("traceparent_trace_flags_too_short", [parent(flags="1")], follows=False),
    Case("traceparent_ows_handling", [("traceparent", f" {parent()[1]}")]),
    Case("traceparent_ows_handling", [("traceparent", f"\t{parent()[1]}")]),
    Case("traceparent_ows_handling", [("traceparent", f"{parent()[1]} ")]),
    Case("traceparent_ows_handling", [("traceparent", f"{parent()[1]}\t")]),
    Case("traceparent_ows_handling", [("traceparent", f"\t {parent()[1]} \t")]),
    Case("tracestate_included_traceparent_missing", [("tracestate", "foo=1,bar=2")], follows=False, members=[]),
    state("tracestate_included_traceparent_included", "foo=1,bar=2", members=["foo=1", "bar=2"]),
    Case("tracestate_header_name", [parent(), ("trace-state", "foo=1")], members=[]),
    Case("tracestate_header_name", [parent(), ("trace.state", "foo=1")], members=[]),
    Case("tracestate_header_name_valid_casing", [parent(), ("TraceState", "foo=1")], members=["foo=1"]),
    Case("tracestate_header_name_valid_casing", [parent(), ("TrAcEsTaTe", "foo=1")], members=["foo=1"]),
    Case("tracestate_header_name_valid_casing", [parent(), ("TRACESTATE", "foo=1")], members=["foo=1"]),
    state("tracestate_empty_header", "", members=[]),
    state("tracestate_empty_header", "foo=1", "", members=["foo=1"]),
    state("tracestate_empty_header", "", "foo=1", members=["foo=1"]),
    state("tracestate_multiple_headers_different_keys", "a=1,b=2", "c=3", "d=4", members=["a=1", "b=2", "c=3", "d=4"]),
    state("tracestate_duplicated_keys", "foo=1,foo=1", members=[], one_of=[["foo=1"], ["foo=1", "foo=1"]]),
    state(
        "tracestate_duplicated_keys", "foo=1", "foo=2", members=[], one_of=[["foo=1"], ["foo=2"], ["foo=1", "foo=2"]]
    ),
    state("tracestate_all_allowed_characters", f"{KEY}={VALUE}", members=[f"{KEY}={VALUE}"]),
    state("tracestate_all_allowed_characters", f"{KEY}@a-z0-9_-*/={VALUE}", members=[f"{KEY}@a-z0-9_-*/={VALUE}"]),
    state("tracestate_ows_handling", "a=1 \t , \t b=2, \t c=3", members=["a=1", "b=2", "c=3"]),
    state("tracestate_ows_handling", "a=1\t \t,\t \tb=2,\t \tc=3", members=["a=1", "b=2", "c=3"]),
    state("tracestate_ows_handling", "\t a=1 \t", members=["a=1"]),
    state("tracestate_key_illegal_characters", "foo =1", members=[]),
    state("tracestate_key_illegal_characters", "FOO=1", members=[]),
    state("tracestate_key_illegal_characters", "foo.bar=1", members=[]),
    state("tracestate_key_at_level_2", "foo@=1,bar=2", members=["foo@=1", "bar=2"]),
    state("tracestate_key_illegal_vendor_format", "@foo=1,bar=2", members=[]),
    state("tracestate_key_at_level_2", "foo@@bar=1,bar=2", members=["foo@@bar=1", "bar=2"]),
    state("tracestate_key_at_level_2", "foo@bar@baz=1,bar=2", members=["foo@bar@baz=1", "bar=2"]),
    # Of 32 members that came 31 go on: ours is the first of 32.
    state("tracestate_member_count_limit", ",".join(PAIRS[:20]), ",".join(PAIRS[20:32]), members=PAIRS[:31]),
    state("tracestate_member_count_limit", ",".join(PAIRS[:20]), ",".join(PAIRS[20:33]), members=[]),
    state("tracestate_key_length_limit", "foo=1", f"{'z' * 256}=1", members=["foo=1", f"{'z' * 256}=1"]),
    state("tracestate_key_length_limit", "foo=1", f"{'z' * 257}=1", members=[]),
    state(
        "tracestate_key_length_limit",
        "foo=1",
        f"{'t' * 241}@{'v' * 14}=1",
        members=["foo=1", f"{'t' * 241}@{'v' * 14}=1"],
    ),
    state("tracestate_key_length_limit", "foo=1", f"{'t' * 242}@v=1", members=["foo=1", f"{'t' * 242}@v=1"]),
    state("tracestate_key_length_limit", "foo=1", f"t@{'v' * 15}=1", members=["foo=1", f"t@{'v' * 15}=1"]),
    state("tracestate_value_illegal_characters", "foo=bar=baz", members=[]),
    state("tracestate_value_illegal_characters", "foo=,bar=3", members=[]),
    Case("multiple_requests_with_valid_traceparent", [parent()]),
    Case("multiple_requests_without_traceparent", [], follows=False),
    Case("multiple_requests_with_illegal_traceparent", [parent(trace=ZEROS)], follows=False),
]
"""Every case makes three calls, so the published ones about several requests need no code of their own."""


class Service:
    """A traced service that makes three calls while it serves, and the callee that notes their headers."""

    def __init__(self) -> None:
        self.port = 0
        self.calls: list[list[Header]] = []
        self._traced = TraceMiddleware(self._call_three_times)

    async def __call__(self, scope, receive, send) -> None:
        if scope["path"] == "/noted":
            self.calls.append([(name.decode(), value.decode()) for name, value in scope["headers"]])
            await answer(send)
        else:
            await self._traced(scope, receive, send)

    async def _call_three_times(self, scope, receive, send) -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            for _ in range(3):
                await client.get(f"http://127.0.0.1:{self.port}/noted")
        await answer(send)

    def ask(self, headers: list[Header]) -> list[list[Header]]:
        """The headers of the three calls made for a request with ``headers``, which are sent as they stand."""
        self.calls.clear()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest("GET", "/")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == 200
        connection.close()
        return self.calls


async def answer(send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    service = Service()
    with serve(service) as service.port:
        hopline.install("httpx")
        yield service
        hopline.uninstall("httpx")


def values(headers: list[Header], name: str) -> list[str]:
    return [value for key, value in headers if key == name]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_published_case(service, case):
    """P3: W3C trace-context: what a service sends on for each published case."""
    with Recorder():
        calls = service.ask(case.sent)
    parents = [values(call, "traceparent") for call in calls]
    assert [len(found) for found in parents] == [1, 1, 1]
    versions, traces, parent_ids, flags = zip(*(found[0].split("-") for found in parents), strict=True)
    assert set(versions) == {"00"}
    assert len(set(traces)) == 1
    assert not set(parent_ids) & {PARENT, ZEROS[:16]}
    assert len(set(parent_ids)) == (3 if int(flags[0], 16) & 1 else 1)  # an unsampled trace has one row's id to give
    if case.follows:
        assert set(traces) == {TRACE}
        assert set(flags) == {case.sent[0][1].strip().split("-")[3]}
    else:
        assert not set(traces) & {TRACE, OTHER_TRACE, ZEROS}
    for call in calls:
        (tracestate,) = values(call, "tracestate")
        ours, *others = tracestate.split(",")
        assert ours.startswith("hop=")
        assert case.members is None or others == case.members
        assert not case.one_of or others in case.one_of
