"""Every figure leads to exactly the calls that it counts: cells = links, over random traces that cross range ends."""

import random
from urllib.parse import parse_qsl, urlsplit

import pytest

from hopline.model import CALL_KINDS, ENTRY_KINDS, Row
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from hopline_query.topology.aggregate import callee_node, caller_node
from support.judging import python_judge

MINUTE = 60_000_000
START = 1_763_800_020_000_000
"""The begin of a minute: figures are of whole slots."""
NOW = START + 120 * MINUTE


def traces(source: random.Random, count: int) -> list[Row]:
    """Traces that name both ends of their calls; some last for minutes, some have rows that never finished."""
    rows = []
    for number in range(count):
        trace_id = f"{START // 1_000_000 + number:08x}{source.getrandbits(96):024x}"
        begin = START + source.randrange(-10 * MINUTE, 40 * MINUTE)
        for index in range(source.randrange(1, 9)):
            kind = source.choice(("local", "client", "server", "producer", "consumer")) if index else "server"
            failed = source.random() < 0.3
            rows.append(
                Row(
                    trace_id=trace_id,
                    kind=kind,
                    service=source.choice("ABC"),
                    name=source.choice(("GET /", "POST /")),
                    start_us=begin + index * source.choice((1_000, MINUTE, 7 * MINUTE)),
                    span_id="0" if not index else f"0.{index}",
                    id=f"{source.getrandbits(63) + 1:016x}",
                    parent_id=f"{source.getrandbits(63) + 1:016x}" if index else None,
                    duration_us=None if source.random() < 0.1 else int(source.lognormvariate(9, 2)),
                    instance=f"h{source.randrange(2)}:1",
                    version=source.choice("12"),
                    error=failed,
                    error_type=source.choice(("Timeout", "HTTP500")) if failed else "",
                    caller_service=source.choice("ABC") if kind in {"server", "consumer"} and index else "",
                    peer=source.choice("ABC") if kind in {"client", "producer", "consumer"} else "",
                    peer_kind={"client": "service", "producer": "mq", "consumer": "mq"}.get(kind, ""),
                    flags=5 if number % 9 == 0 else 1,
                    arrived=NOW - 60_000_000,
                )
            )
    return rows


@pytest.fixture(scope="module")
def rows():
    return traces(random.Random(3), 150)


@pytest.fixture(scope="module")
def services(shared_engine, store_shared, rows):
    """The twin, and a store that has settled most of the traces."""
    early = [row for row in rows if int(row.trace_id[:8], 16) % 3]
    store_shared(early)
    settle(shared_engine, NOW)
    store_shared([row for row in rows if row not in early])
    readers = MemoryReader(rows, judge=python_judge), ClickHouseReader(shared_engine)
    return [QueryService(reader, clock=lambda: NOW) for reader in readers]


def opened(service, asked):
    """Every trace that a search finds, page by page."""
    found, values = [], {name: str(value) for name, value in asked.items() if value not in ("", None)}
    while True:
        answer = service.search({**values, "limit": "17"})
        found += [trace["trace_id"] for trace in answer["traces"]]
        if answer["next_cursor"] is None:
            assert len(found) == len(set(found)) == answer["count"]
            return set(found)
        values["cursor"] = answer["next_cursor"]


def some(figures):
    """A few of many, the same each time."""
    return random.Random(1).sample(figures, min(6, len(figures)))


def entry(row):
    return row.kind in ENTRY_KINDS or not row.parent_id


def holds(service, rows, asked, count, meets):
    """The figure counts the finished calls that ``meets`` tells; its link opens theirs, and running ones."""
    low, high = int(asked["from"]), int(asked["to"])
    inside = [row for row in rows if low <= row.start_us < high and not row.flags & 4 and meets(row)]
    assert count == sum(row.duration_us is not None for row in inside), asked
    assert opened(service, asked) == {row.trace_id for row in inside}, asked


RANGES = [(3, 5), (0, 30)]


@pytest.fixture(params=RANGES)
def scope(request):
    low, high = request.param
    return {"from": START + low * MINUTE, "to": START + high * MINUTE}


def test_services_operations_and_instances(services, rows, scope):
    """L1, Q2: calls of a service, of an operation and of a process."""
    for service in services:
        window = {name: str(value) for name, value in scope.items()}
        for group, names in (
            ("service", ("service",)),
            ("operation", ("service", "operation")),
            ("instance", ("service", "instance")),
        ):
            found = service.stats({**window, "group": group})
            assert (found["from_us"], found["to_us"]) == (scope["from"], scope["to"])
            groups = {}
            for figure in found["services"]:
                key = tuple(figure[name] for name in names)
                groups[key] = groups.get(key, 0) + figure["sampled"]
            for key, count in some(sorted(groups.items())):
                asked = dict(zip(names, key, strict=True))
                wanted = {("name" if name == "operation" else name): value for name, value in asked.items()}

                def meets(row, wanted=wanted):
                    return entry(row) and all(getattr(row, name) == value for name, value in wanted.items())

                if count:
                    holds(service, rows, scope | asked | {"entry": "true"}, count, meets)


def test_error_groups_and_versions(services, rows, scope):
    """L6: failures of a kind; calls of a version."""
    for service in services:
        window = {name: str(value) for name, value in scope.items()}
        for group in some(service.errors(window)["groups"]):
            asked = {name: group[name] for name in ("service", "operation", "error_type")}

            def failing(row, group=group):
                named = (row.service, row.name) == (group["service"], group["operation"])
                return named and row.error and row.error_type == group["error_type"]

            holds(service, rows, scope | asked, group["count"], failing)
        for version in "12":

            def of(row, version=version):
                return row.version == version and row.service == "A"

            count = sum(
                of(row) and row.duration_us is not None and scope["from"] <= row.start_us < scope["to"]
                for row in rows
                if not row.flags & 4
            )
            holds(service, rows, scope | {"service": "A", "filter": f"version={version}"}, count, of)


def test_edges(services, rows, scope):
    """D1, D2: calls between two nodes, from whichever side told of them."""
    for service in services:
        window = {name: str(value) for name, value in scope.items()}
        for edge in some(service.dependencies(window)["edges"]):
            told = edge["caller"], edge["callee"]

            def meets(row, told=told):
                callee = callee_node(row)
                ends = {(caller_node(row), callee), (caller_node(row), f"external:{callee}")}
                outside = row.kind in CALL_KINDS
                return row.kind != "local" and told in (ends if outside else {(caller_node(row), callee)})

            count = edge["client"]["sampled"] + edge["server"]["sampled"]
            holds(service, rows, scope | {"caller": told[0], "callee": told[1]}, count, meets)


@pytest.mark.parametrize("asked", [{"service": "A"}, {"service": "B", "operation": "GET /"}])
def test_heatmap_cells(services, rows, scope, asked):
    """L5: every cell opens its rectangle of time and duration."""
    for service in services:
        window = {name: str(value) for name, value in scope.items()}
        found = service.heatmap({**window, **asked, "columns": "7"})
        link = dict(parse_qsl(urlsplit(found["link"]).query))
        ends = [*found["times"], scope["to"]]
        for column, row_of, calls, failing in some(found["cells"]):
            low, high = found["edges_us"][row_of : row_of + 2]
            cell = {"from": ends[column], "to": ends[column + 1]}

            def meets(row, low=low, high=high):
                named = row.service == asked["service"] and asked.get("operation", row.name) == row.name
                timed = row.duration_us is not None and low <= row.duration_us < high
                return named and entry(row) and timed

            bounds = {"min_span_duration": low, "max_span_duration": high - 1}
            holds(service, rows, link | bounds | cell, calls, meets)
            assert failing <= calls


def test_causes(services, rows, scope):
    """C3: the failing traces that a cause counts are those that its link opens."""
    for service in services:
        window = {name: str(value) for name, value in scope.items()}
        for cause in some(service.causes(window)["causes"]):
            link = dict(parse_qsl(urlsplit(cause["link"]).query))
            assert len(opened(service, link)) == cause["traces"]


def test_a_range_moved_by_a_microsecond(services, rows):
    """L5, Q2: ends of ranges are exact: from the first microsecond on, up to the last, not with it."""
    row = next(row for row in rows if entry(row) and not row.flags & 4 and row.duration_us is not None)
    for service in services:
        for low, high, seen in ((0, 1, True), (1, 2, False), (-1, 0, False)):
            cell = {"from": row.start_us + low, "to": row.start_us + high, "service": row.service, "entry": "true"}
            assert (row.trace_id in opened(service, cell)) == seen
