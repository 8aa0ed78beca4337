"""Setting ``strict_trace_ids=false``: 64- and 128-bit ids of one trace are one trace everywhere."""

from collections.abc import Callable, Iterator

import pytest

from interop.odd_spans import new_id, otlp, otlp_span, zipkin
from interop.test_odd_spans import Front, nodes
from support import wait_until
from support.accounts import wait_handed_over
from support.hopline_process import Server


@pytest.fixture
def front(hopline_up: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    monkeypatch.setenv("HOPLINE_STRICT_TRACE_IDS", "false")
    found = Front(hopline_up().url)
    yield found
    found.client.close()


def test_halves_of_an_id_are_one_trace_where_a_setting_joins_them(front: Front) -> None:
    """N14: tree, lists, map and search show one trace, found under the long id and the short one, in every dialect."""
    low = new_id(16)
    wide = f"463ac35c9f6413ad{low}"
    caller = zipkin(wide, 1, "wide", "CLIENT", took=90_000, far="narrow")
    callee = zipkin(low, 1, "narrow", "SERVER", at=9_000, shared=True)
    front.post([caller, callee])
    wait_until(lambda: len(front.get(f"/api/v2/trace/{wide}")) == 2)
    wait_handed_over(front.url)
    stored = low.rjust(32, "0")
    for asked in (wide, low):
        tree = front.trace(asked)
        assert tree["trace_id"] == stored
        (only,) = nodes(tree)
        assert {row["service"] for row in only["rows"]} == {"wide", "narrow"}
        assert len(front.get(f"/api/v2/trace/{asked}")) == 2
        assert len(front.get(f"/api/traces/{asked}")["data"][0]["spans"]) == 2
        assert front.client.get(f"/api/v3/traces/{asked}").status_code == 200
        assert front.client.get(f"/trace/{asked}").status_code == 200
    assert len(front.get("/api/v2/traceMany", traceIds=f"{wide},{low}")) == 1
    assert front.found(service="wide") == front.found(service="narrow") == [stored]
    assert front.edges() == {("wide", "narrow")}
    (listed,) = front.get("/api/v2/traces", serviceName="wide")
    assert len(listed) == 2


def test_links_lead_to_the_joined_trace(front: Front) -> None:
    """N14: a link to the long id of a trace that is stored under its half is found from both ends."""
    low, other = new_id(16), new_id()
    wide = f"463ac35c9f6413ad{low}"
    front.post([zipkin(low, 1, "narrow", "SERVER")])
    link = {"traceId": wide, "spanId": "0000000000000001"}
    linking = otlp_span(other, 2, 2, front.base, front.base + 1_000, links=[link])
    front.post_otlp(otlp("linker", linking))
    wait_until(lambda: front.trace(low)["linked_from"])
