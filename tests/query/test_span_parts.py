"""N2, N12: a search is met by one span, also where the span came in parts, against the spans that were meant."""

import json
import random
from dataclasses import dataclass, field, replace

import pytest

from hopline.model import Row
from hopline_query.dialects.jaeger import search_query
from hopline_query.params import Params, QuerySettings
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.stored_rows import insert_rows
from support.stores import store_of

START = 1_763_800_000_000_000
MINUTE = 60_000_000
LATER = START + 300 * MINUTE
OPERATIONS = ("GET /", "POST /")
LONG_US = 1_000_000


@dataclass
class Span:
    """What a sender means by one span."""

    row: Row
    """Its identity, start and instance alone."""
    name: str
    duration_us: int
    error: bool
    tags: dict[str, str] = field(default_factory=dict)

    def parts(self, source: random.Random) -> list[Row]:
        """Rows of which each tells some of it; what tells no start of its own is dated by its arrival."""
        facts = [{"name": self.name}, {"duration_us": self.duration_us}, {"error": self.error}]
        facts += [{"tags": {key: value}} for key, value in self.tags.items()]
        found = [
            replace(self.row, start_us=self.row.start_us + n * 7_000_000) for n in range(source.choice((1, 1, 2, 3)))
        ]
        for fact in facts:
            place = source.randrange(len(found))
            tags = found[place].tags | fact.get("tags", {})
            found[place] = replace(found[place], **(fact | {"tags": tags}))
        return found

    def meets(self, asked: dict[str, str]) -> bool:
        """Whether it meets all that is asked of it."""
        tags = json.loads(asked["tags"])
        return (
            self.row.service == asked["service"]
            and self.name == asked.get("operation", self.name)
            and tags.pop("span.kind", self.row.kind) == self.row.kind
            and (tags.pop("error", "") == "" or self.error)
            and ("minDuration" not in asked or self.duration_us >= LONG_US)
            and ("maxDuration" not in asked or self.duration_us <= 2 * LONG_US)
            and all(self.tags.get(key) == value for key, value in tags.items())
        )


def population(source: random.Random, traces: int) -> dict[str, list[Span]]:
    """Spans by trace: the same values often, so that several spans of a trace each hold some of what is asked."""
    found: dict[str, list[Span]] = {}
    for number in range(traces):
        trace_id = f"{START // 1_000_000:08x}{number + 1:024x}"
        begin = START + source.randrange(MINUTE)
        rows = [
            Row(
                trace_id,
                source.choice(("client", "server")),
                source.choice("AB"),
                "",
                begin + source.randrange(MINUTE),
                id=f"{source.randrange(1, 4):016x}",
                instance=source.choice(("h:1", "h:2")),
                arrived=START + 10 * MINUTE,
            )
            for _ in range(source.randrange(1, 5))
        ]
        rows = list({(row.id, row.kind, row.service, row.instance): row for row in rows}.values())
        if number % 4 == 0:
            # The id of the first is used for another span, hours later.
            rows.append(replace(rows[0], start_us=rows[0].start_us + 150 * MINUTE))
        found[trace_id] = [
            Span(
                row,
                source.choice(OPERATIONS),
                source.choice((5, LONG_US, 3 * LONG_US)),
                source.random() < 0.3,
                {key: source.choice("12") for key in ("a", "b") if source.random() < 0.8},
            )
            for row in rows
        ]
    return found


OPERATION = {"operation": OPERATIONS[0]}
TAGS = {"a": "1", "b": "2"}
SLOW = {"minDuration": "1s"}
QUESTIONS = (
    (TAGS, {}),
    ({"a": "1"}, OPERATION),
    (TAGS, OPERATION | SLOW),
    ({}, OPERATION | SLOW),
    ({}, OPERATION | SLOW | {"maxDuration": "2s"}),
    ({"b": "1", "span.kind": "client"}, SLOW),
    ({"a": "2", "error": "true"}, {}),
)
"""Tags and other parameters of a search."""


NATIVE = (
    {"operation": OPERATIONS[0], "errors": "true"},
    {"operation": OPERATIONS[0], "min_span_duration": "1s"},
    {"operation": OPERATIONS[1], "max_span_duration": "1s"},
    {"operation": OPERATIONS[0], "min_span_duration": "1s", "max_span_duration": "2s", "errors": "true"},
    {"operation": OPERATIONS[1], "instance": "h:2", "errors": "true", "filter": "a=1"},
    {"min_span_duration": "1s", "errors": "true"},
    {"service": "", "operation": OPERATIONS[0], "min_span_duration": "1s", "errors": "true"},
)
"""Parameters of our own search beside the service; the filter is met by any row of it."""


def meeting(spans: list[Span], asked: dict[str, str]) -> set[str]:
    """Ids of the spans that meet all that our own search asks of one, where any of the service meets the filter."""
    of_service = [span for span in spans if asked["service"] in {"", span.row.service}]
    if "filter" in asked and not any(span.tags.get("a") == "1" for span in of_service):
        return set()
    return {
        span.row.id
        for span in of_service
        if span.name == asked.get("operation", span.name)
        and ("errors" not in asked or span.error)
        and asked.get("instance", span.row.instance) == span.row.instance
        and ("min_span_duration" not in asked or span.duration_us >= LONG_US)
        and span.duration_us <= {"1s": LONG_US, "2s": 2 * LONG_US}.get(asked.get("max_span_duration"), 10 * LONG_US)
    }


@pytest.mark.parametrize("kind", ["embedded", "server", "shards"])
def test_a_search_is_met_by_one_span_in_any_split(kind, request):
    """N2, N12: operation, durations and tags find the traces of which one span meant them all, however it was sent."""
    source = random.Random(12)
    meant = population(source, 120)
    rows = [row for spans in meant.values() for span in spans for row in span.parts(source)]
    source.shuffle(rows)
    settled = [row for row in rows if int(row.trace_id, 16) % 4]
    moving = [replace(row, arrived=LATER) for row in rows if not int(row.trace_id, 16) % 4]
    twin = MemoryReader(settled + moving)
    with store_of(kind, request) as store:
        insert_rows(store, settled[::2])
        insert_rows(store, settled[1::2])
        settle(store, LATER)
        insert_rows(store, moving)
        real = ClickHouseReader(store)
        for tags, more in QUESTIONS:
            asked = {"service": "A", "tags": json.dumps(tags), "start": str(START), "end": str(LATER)} | more
            query = replace(search_query(LATER, asked, ()), limit=len(meant))
            found, total = real.search(query)
            right = {trace_id for trace_id, spans in meant.items() if any(span.meets(asked) for span in spans)}
            assert 0 < len(right) < len(meant)
            assert {summary.trace_id for summary in found} == right, asked
            assert total == len(right)
            assert twin.search(query) == (found, total), asked
        for more in NATIVE:
            asked = {"service": "A", "from": str(START), "to": str(LATER), "limit": str(len(meant))} | more
            query = Params(asked, LATER, QuerySettings()).search()
            found, total = real.search(query)
            right = {trace_id: ids for trace_id, spans in meant.items() if (ids := meeting(spans, asked))}
            assert 0 < len(right) < len(meant)
            assert {summary.trace_id for summary in found} == set(right), asked
            assert total == len(right)
            assert twin.search(query) == (found, total), asked
            if more in NATIVE[-2:]:
                named = real.matched(list(right), query)
                assert twin.matched(list(right), query) == named, asked
                assert {trace_id: set(ids) for trace_id, (ids, _) in named.items()} == right, asked
