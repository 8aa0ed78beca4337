"""One suite on both readers: what the engine's roll-ups say equals a recount of the rows."""

import random
from dataclasses import replace

import pytest

from hopline.model import Row
from hopline_query.search import parse_filter
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import GROUPS, ORDERS, FiguresQuery, Scope, SearchQuery
from hopline_query.store.reader import ClickHouseReader

START = 1_763_800_000_000_000
MINUTE = 60_000_000
SCOPE = Scope(START, START + 30 * MINUTE)
KINDS = ("local", "client", "server", "producer", "consumer")


def population(seed: int, traces: int) -> list[Row]:
    """Rows of every kind, with weights, errors, load tests, unfinished ones and odd text."""
    source = random.Random(seed)
    rows = []
    for number in range(traces):
        trace_id = f"{START // 1_000_000 + number:08x}{source.getrandbits(96):024x}"
        if number % 5 == 0:
            # Zero bytes at the end are what a conversion to text of the engine drops.
            trace_id = trace_id[:-4] + ("0000" if number % 2 else "ab00")
        begin = START + source.randrange(25 * MINUTE)
        known = []
        for index in range(source.randrange(1, 12)):
            service, kind = source.choice("ABCD"), source.choice(KINDS)
            root = index == 0
            row = Row(
                trace_id=trace_id,
                kind="server" if root else kind,
                service=service,
                name=source.choice(("GET /", "POST /orders", "größe's \\ op")),
                start_us=begin + index * source.randrange(1, 2_000_000),
                span_id="0" if root else f"0.{index}" + ".1" * source.randrange(3),
                id=f"{source.getrandbits(64) or 1:016x}",
                parent_id=None
                if root and source.random() < 0.9
                else source.choice([*known, f"{source.getrandbits(64) or 1:016x}"]),
                duration_us=None if source.random() < 0.05 else int(source.lognormvariate(9, 2)),
                instance=f"h{source.randrange(3)}:1",
                host="h1",
                zone=source.choice(("", "z1", "z2")),
                env=source.choice(("prod", "test")) if number % 3 else "prod",
                version=source.choice(("", "1", "2")),
                error=source.random() < 0.2,
                weight=source.choice((1_000, 1_000, 10_000)),
                uid=source.choice(("", "", "u/1", "u%2", "用户")),
                flags=1 | (4 if number % 10 == 0 else 0) | (2 if source.random() < 0.05 else 0),
                arrived=START + 40 * MINUTE + source.randrange(60) * 1_000_000,
                tags={
                    "color": source.choice(("red", "blue")),
                    "http.response.status_code": source.choice("235") + "00",
                },
                attrs={"url": f"/x?{source.randrange(5)}"} if source.random() < 0.5 else {},
            )
            known.append(row.id)
            if number % 4 == 1:
                # Another tracer's rows: no paths, no caller fields, shared ids.
                row.span_id = ""
                if row.kind == "server" and row.parent_id in known and source.random() < 0.5:
                    row.id, row.attrs = row.parent_id, {"zipkin.shared": "true"}
            row.error_type = source.choice(("Timeout", "HTTP500")) if row.error else ""
            row.error_text = "it 'failed'" if row.error and source.random() < 0.5 else ""
            if row.kind in {"server", "consumer"} and row.parent_id and row.span_id:
                row.caller_service = source.choice(("", "A", "B"))
                row.caller_zone = source.choice(("", "z1", "z2"))
            if row.kind in {"client", "producer", "consumer"}:
                row.peer = source.choice(("", "B", "shop"))
                row.peer_kind = "mq" if row.kind != "client" else source.choice(("", "service", "db"))
            if source.random() < 0.1:
                row.annotations = [(row.start_us, "cache", "miss")]
                row.links = [(f"{source.getrandbits(120) or 1:030x}00", "00f067aa0ba902b7", "producer")]
            rows.append(row)
            if source.random() < 0.05:
                # The copy that went out while the row was open.
                rows.append(replace(row, duration_us=None))
    return rows


@pytest.fixture(scope="module")
def rows():
    return population(11, 120)


@pytest.fixture(scope="module")
def readers(shared_engine, store_shared, rows):
    """Both readers over the same rows, stored in two blocks."""
    store_shared(rows[::2])
    store_shared(rows[1::2])
    return ClickHouseReader(shared_engine), MemoryReader(rows)


SEARCHES = [
    {},
    {"uid": "u/1"},
    {"uid": "用户", "errors": True},
    {"service": "A"},
    {"service": "A", "operation": "größe's \\ op"},
    {"service": "A", "operation": "GET /", "errors": True},
    {"errors": True},
    {"unfinished": True},
    {"caller": "A", "callee": "B"},
    {"caller": "A", "callee": "db:shop"},
    {"caller": "mq:B", "callee": "C"},
    {"callee": "external:shop"},
    {"caller": "USER"},
    {"instance": "h1:1", "error_type": "Timeout"},
    {"min_duration": 100_000, "max_duration": 5_000_000},
    {"service": "B", "min_span_duration": 10_000, "max_span_duration": 100_000},
    {"min_spans": 5},
    {"filter": "color=red"},
    {"filter": "color=red AND http.response.status_code>=500"},
    {"filter": "NOT color=red"},
    {"filter": "color=red AND NOT http.response.status_code=500", "service": "A"},
    {"filter": "url~3$ OR duration>1s"},
    {"filter": "url=/x?3"},
    {"filter": "color!=blue error"},
    {"filter": "kind=consumer peer=shop OR cache"},
    {"filter": "annotation=miss", "operation": "GET /"},
    {"filter": 'name="größe\'s \\\\ op" error=true'},
    {"filter": "error_type=Timeout", "min_duration": 1_000},
    {"filter": "color>1 OR attempt>=0"},
]


def query(scope=SCOPE, **more) -> SearchQuery:
    expression = parse_filter(more.pop("filter", ""))
    return SearchQuery(scope, expression=expression, as_of_us=START + 41 * MINUTE, **more)


def test_searches_agree(readers):
    """Q2: every condition, every order, the counts and what a page shows agree with the recount."""
    real, twin = readers
    met = set()
    for place, asked in enumerate(SEARCHES):
        for scope in (SCOPE, replace(SCOPE, load_test="true"), replace(SCOPE, env="prod", load_test="only")):
            question = query(scope, order_by=ORDERS[place % len(ORDERS)], limit=15, **asked)
            found, total = real.search(question)
            assert (found, total) == twin.search(question), (asked, scope)
            details, recounted = real.details(found, question), twin.details(found, question)
            for each in (*details.values(), *recounted.values()):
                each.matched.sort()
            assert details == recounted, (asked, scope)
            met.add(place) if found else None
    assert len(met) > len(SEARCHES) - 4


@pytest.mark.parametrize("order_by", ORDERS)
def test_pages_have_no_gap_and_no_repeat(readers, order_by):
    """Q2: pages of settled traces make the whole list, in every order."""
    real, twin = readers
    question = query(order_by=order_by, limit=7)
    question = replace(question, as_of_us=START + 60 * MINUTE)
    whole, total = twin.search(replace(question, limit=1_000))
    pages, after = [], None
    while True:
        page, counted = real.search(replace(question, after=after))
        assert counted == total
        if not page:
            break
        pages += page
        after = (page[-1].value(order_by), page[-1].trace_id)
    assert [s.trace_id for s in pages] == [s.trace_id for s in whole]


def test_running_traces_stay_on_page_one(readers):
    """Q2: what was running when page 1 was asked is left out of later pages."""
    real, twin = readers
    question = replace(query(limit=5), as_of_us=START + 40 * MINUTE + 30_000_000)
    first, _ = real.search(question)
    following = replace(question, after=(first[-1].start_us, first[-1].trace_id), limit=1_000)
    rest, _ = real.search(following)
    assert rest == twin.search(following)[0]
    assert not any(s.running(question.as_of_us, s.unfinished) for s in rest)
    assert len(rest) < len(real.search(replace(question, limit=1_000))[0]) - 5


def test_figures_agree(readers):
    """D5, L1: rates, errors, sums and histograms equal a recount, in every grouping, view and step."""
    real, twin = readers
    for group in GROUPS:
        for view in ("entry", "client", "all"):
            for step, width in ((0, 30), (0, 300), (0, 4_000), (MINUTE, 30), (10_000_000, 30), (60 * MINUTE, 300)):
                if step == 10_000_000 and group in {"instance", "zone", "caller"}:
                    continue
                if group in {"instance", "zone"} and view == "client":
                    continue
                scope = Scope(START, START + width * MINUTE, env="prod", load_test="true")
                question = FiguresQuery(scope, view=view, group=group, step_us=step, service="" if step else "A")
                answer = real.figures(question)
                assert answer[0], question
                assert answer == twin.figures(question), question


def test_map_agrees(readers):
    """D1, D5: every edge from every side equals a recount."""
    real, twin = readers
    for scope in (SCOPE, replace(SCOPE, load_test="only"), replace(SCOPE, to_us=START + 5_000 * MINUTE, env="test")):
        assert real.edges(scope)[1] == twin.edges(scope)[1]
        found = real.edges(scope)[0]
        assert found == twin.edges(scope)[0]
        assert {e.caller for e in found} >= {"A", "B"}


def test_replays_change_nothing(engine, store_rows, rows):
    """D5: a block that is handed over again changes no figure; duplicates inside it were removed before."""
    real, twin = ClickHouseReader(engine), MemoryReader(rows)
    for _ in range(3):
        store_rows(rows, token="block-1")
    assert real.edges(SCOPE) == twin.edges(SCOPE)
    question = FiguresQuery(SCOPE, group="operation", view="all")
    assert real.figures(question) == twin.figures(question)
    assert real.search(query(limit=1_000)) == twin.search(query(limit=1_000))


def test_names_agree(readers):
    """Q4: tags, instances, environments, users."""
    real, twin = readers
    assert real.tags(SCOPE, "", "", 10) == twin.tags(SCOPE, "", "", 10)
    assert real.tags(SCOPE, "color", "r", 10) == twin.tags(SCOPE, "color", "r", 10)
    assert real.instances(SCOPE, "") == twin.instances(SCOPE, "")
    assert real.instances(SCOPE, "A") == twin.instances(SCOPE, "A")
    assert real.envs(SCOPE) == twin.envs(SCOPE) == ["prod", "test"]
    assert real.uids_like("u", 5) == twin.uids_like("u", 5) == ["u%2", "u/1"]
    for uid in ("u/1", "用户", "nobody"):
        scope = replace(SCOPE, from_us=START - 7 * 86_400_000_000)
        assert real.user_days(uid, scope) == twin.user_days(uid, scope)


def test_errors_and_heatmap_agree(readers):
    """L5, L6: error groups and the cells of the heatmap equal a recount."""
    real, twin = readers
    assert real.errors(SCOPE, "", "", 100) == twin.errors(SCOPE, "", "", 100)
    assert real.errors(SCOPE, "A", "GET /", 1) == twin.errors(SCOPE, "A", "GET /", 1)
    for service, operation in (("A", ""), ("", ""), ("B", "GET /")):
        question = FiguresQuery(SCOPE, service=service, operation=operation)
        cells = real.heatmap(question, 40)
        assert cells
        assert cells == twin.heatmap(question, 40)


def test_rows_come_back_as_they_were(readers, rows):
    """M1: a stored row is read back as the same row."""
    real, twin = readers
    for trace_id in list(dict.fromkeys(row.trace_id for row in rows))[:36]:
        assert real.trace_rows(trace_id, 1_000) == twin.trace_rows(trace_id, 1_000)
        assert real.hint(trace_id) == twin.hint(trace_id)
        assert real.trace_rows(trace_id, 2) == twin.trace_rows(trace_id, 2)
    found, _ = real.search(query(limit=20))
    assert real.many_rows(found, 5) == twin.many_rows(found, 5)
    linking = next(row for row in rows if row.links)
    assert real.linked_from(linking.links[0][0]) == [(linking.trace_id, linking.id, linking.kind)]
    assert real.extent()[0] == twin.extent()[0]
    assert not MemoryReader().extent()[2]
    assert real.trace_rows("f" * 32, 10) == []
    assert real.hint("f" * 32) is None
