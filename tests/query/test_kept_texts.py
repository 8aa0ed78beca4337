"""N12: whatever text a span was sent with finds it, however long and odd: stored is what is left of it."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from hopline.model import Row
from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.plan import Plan
from hopline_query.dialects import jaeger, zipkin
from hopline_query.params import Params
from hopline_query.service import QueryService, QuerySettings
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import SearchQuery
from support.wire_rows import wire_message, wire_row

NOW = time.time_ns() // 1000
TEXTS = st.builds(
    lambda part, times, end: f"x{part * times}{end}",
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
    st.sampled_from((1, 30, 700)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)


def stored(**changes: object) -> Row:
    """The row that one sent row becomes."""
    body = wire_message(wire_row(1, start_us=NOW - 1_000, **changes))
    block = build_block([Message(0, "native", body)], Plan(0, 1, NOW))
    kept = {name: values[0] for name, values in block.columns.items()}
    fields = ("service", "name", "uid", "error_type", "error_text", "tags", "attrs", "start_us", "duration_us")
    return Row(kept["trace_id"].hex(), "server", id="1", arrived=NOW, **{name: kept[name] for name in fields})


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@settings(max_examples=40)
@given(TEXTS)
def test_what_was_sent_finds_what_was_kept(text: str) -> None:
    """N12: as a name, a user, a tag and an attr, in our filter and parameters, Zipkin's and Jaeger's."""
    row = stored(name=text, uid=text, error_text=text, tags={"t": text, text: "k"}, attrs={"a": text}, flags=9)
    reader = MemoryReader([row])
    service = QueryService(reader, clock=lambda: NOW)

    def finds(query: SearchQuery) -> bool:
        return bool(reader.search(query)[0])

    for asked in ({"operation": text}, {"uid": text}):
        assert finds(Params(asked, NOW, QuerySettings()).search())
    if len(text) < 4_000:
        for key in ("name", "uid", "error_text", "t", "a"):
            assert finds(Params({"filter": f"{key}={quoted(text)}"}, NOW, QuerySettings()).search()), key
        for asked in (f"{quoted(text)}=k", quoted(text), f"{quoted(text)}!=l"):
            assert finds(Params({"filter": asked}, NOW, QuerySettings()).search()), asked
    ends = str(NOW // 1_000 + 1_000)
    if " and " not in text:
        (query,) = zipkin.search_queries(service, {"annotationQuery": f"t={text}", "endTs": ends})
        assert finds(query)
    query = jaeger.search_query(NOW, {"service": row.service, "operation": text}, [f"t:{text}"])
    assert finds(query)
