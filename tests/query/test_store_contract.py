"""One suite on both readers: what the engine's roll-ups say equals a recount of the rows."""

import itertools
import random
from dataclasses import replace

import pytest

from hopline.model import Row
from hopline_query.latency.figures import PLACED, placed_percentiles
from hopline_query.search.filter import parse_filter
from hopline_query.store import moving, settled_rows, trace_search
from hopline_query.store.asking import Asker
from hopline_query.store.memory import MemoryReader
from hopline_query.store.paging import order_value
from hopline_query.store.port import KEYS, NAMES, ORDERS, EdgesQuery, FiguresQuery, Scope, SearchQuery
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.judging import python_judge
from support.stored_rows import insert_rows
from support.stores import store_of

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
                    "http.response.status_code": source.choice(("200", "300", "404", "500")),
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
                unknown = f"{source.getrandbits(120) or 1:030x}00"
                row.links = [(rows[0].trace_id if rows and number % 2 else unknown, "00f067aa0ba902b7", "producer")]
            # A key that is a tag of some rows and an attr of others, as where a value is too long for the index.
            if index % 3 == number % 3:
                row.tags["mood"] = "calm" if index % 2 else "wild"
            elif index % 3 == 1 and number % 2:
                row.attrs["mood"] = "calm" if number % 4 == 1 else "x" * 300
            rows.append(row)
            if source.random() < 0.05:
                # The copy that went out while the row was open.
                rows.append(replace(row, duration_us=None))
    return rows


@pytest.fixture(scope="module")
def rows():
    return population(11, 120)


def stored_moving(store, rows):
    """Nothing is settled yet."""
    insert_rows(store, rows[::2])
    insert_rows(store, rows[1::2])


def stored_settled(store, rows):
    """Everything is settled."""
    stored_moving(store, rows)
    assert settle(store, LATER) == len({row.trace_id for row in rows})
    assert settle(store, LATER) == 0


def stored_late(store, rows):
    """Half of the rows was settled, the other half comes late."""
    insert_rows(store, rows[::2])
    settle(store, LATER)
    insert_rows(store, rows[1::2])


def stored_again(store, rows):
    """Late rows were settled anew, in two passes of which the first left out the older buckets."""
    stored_late(store, rows)
    settle(store, LATER, most=2)
    settle(store, LATER)


STORED = (
    *(("embedded", stored) for stored in (stored_moving, stored_settled, stored_late, stored_again)),
    *(("server", stored) for stored in (stored_late,)),
    *(("shards", stored) for stored in (stored_late, stored_again)),
)


@pytest.fixture(scope="module", params=STORED, ids=lambda param: f"{param[0]}-{param[1].__name__}")
def readers(rows, request):
    """Both readers over the same rows, in every state that settling can leave a store in, on each kind of store."""
    kind, stored = request.param
    with store_of(kind, request) as store:
        stored(store, rows)
        yield ClickHouseReader(store), MemoryReader(rows, judge=python_judge)


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
    {"filter": "(color=blue OR http.response.status_code=500) AND NOT http.response.status_code=200"},
    {"filter": "NOT (color=red AND http.response.status_code=404)", "errors": True, "min_spans": 3},
    {"filter": "duration>10ms OR error", "service": "A"},
    {"filter": "NOT duration>10ms", "service": "B", "entry": True},
    {"filter": "color=red AND NOT http.response.status_code=500", "service": "A"},
    {"filter": "url~3$ OR duration>1s"},
    {"filter": "url=/x?3"},
    {"filter": "color!=blue error"},
    {"filter": "mood=calm"},
    {"filter": "mood=" + "x" * 300, "service": "A"},
    {"filter": "NOT mood=calm AND color=red"},
    {"filter": "kind=consumer peer=shop OR cache"},
    {"filter": "annotation=miss", "operation": "GET /"},
    {"filter": 'name="größe\'s \\\\ op" error=true'},
    {"filter": "error_type=Timeout", "min_duration": 1_000},
    {"filter": "color>1 OR attempt>=0"},
]


LATER = START + 50 * MINUTE
"""When everything that the population holds is quiet."""


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
            ids = [summary.trace_id for summary in found]
            assert real.matched(ids, question) == twin.matched(ids, question), (asked, scope)
            met.add(place) if found else None
    assert len(met) > len(SEARCHES) - 4


def test_traces_that_reach_over_an_end_of_the_range_agree(readers):
    """Q2a: of ranges that cut traces, however small, the rows inside decide; order and size are the whole trace's."""
    real, twin = readers
    met = 0
    for minute, (place, asked) in itertools.product((1, 9, 17), enumerate(SEARCHES)):
        begin = START + minute * MINUTE
        scope = Scope(begin, begin + (MINUTE, 3 * MINUTE)[place % 2], load_test="true")
        question = query(scope, order_by=ORDERS[(place + minute) % len(ORDERS)], limit=5, **asked)
        found = real.search(question)
        assert found == twin.search(question), (asked, scope)
        met += bool(found[1])
    assert met > len(SEARCHES)


def test_rows_that_do_not_tell_their_tags_are_asked_for_them(engine, store_rows, rows, monkeypatch):
    """Q2: traces settled by an earlier release, or with too many tags, are found by their tags all the same."""
    real, twin = ClickHouseReader(engine), MemoryReader(rows, judge=python_judge)
    monkeypatch.setattr(settled_rows, "MOST_TAGS", 3)
    store_rows(rows)
    settle(engine, LATER)
    told = engine.ask(f"SELECT count(), sum(tagged) FROM {engine.database}.settled")[0]
    assert 0 < told[1] < told[0]
    for most in (trace_search.STRADDLING, 5):
        monkeypatch.setattr(trace_search, "STRADDLING", most)
        for asked in ({"filter": "color=red"}, {"filter": "NOT (color=red OR http.response.status_code=300)"}):
            question = query(limit=25, **asked)
            assert real.search(question) == twin.search(question), asked


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
        after = (order_value(page[-1], order_by), page[-1].trace_id)
    assert [s.trace_id for s in pages] == [s.trace_id for s in whole]


@pytest.mark.parametrize("order_by", ORDERS)
def test_pages_show_what_was_there_when_the_first_was_asked(engine, store_rows, rows, order_by):
    """Q2: rows that come between two pages leave neither gap nor repeat, whether their traces moved or were settled."""
    real, twin = ClickHouseReader(engine), MemoryReader(rows, judge=python_judge)
    store_rows(rows)
    settle(engine, LATER)
    question = query(order_by=order_by, limit=9)
    whole, total = twin.search(replace(question, limit=1_000))
    pages, after = [], None
    while page := real.search(replace(question, after=after))[0]:
        pages += page
        after = (order_value(page[-1], order_by), page[-1].trace_id)
        source = random.Random(len(pages))
        late = source.sample(rows, 8)
        store_rows(
            [replace(row, id=f"{source.getrandbits(63):016x}", arrived=LATER, duration_us=10**8) for row in late]
        )
        if len(pages) % 2:
            settle(engine, LATER + 30_000_000)
    assert [s.trace_id for s in pages] == [s.trace_id for s in whole]
    assert pages == whole
    assert real.search(replace(question, after=after))[1] == total


def test_figures_agree(readers):
    """D5, L1: rates, errors, sums and histograms equal a recount, in every grouping, view and step."""
    real, twin = readers
    for group in KEYS:
        for view in ("entry", "client", "all"):
            for step, width in ((0, 30), (0, 300), (0, 4_000), (MINUTE, 30), (10_000_000, 30), (60 * MINUTE, 300)):
                if step == 10_000_000 and group in {"instance", "zone", "caller", "side"}:
                    continue
                if group in {"instance", "zone"} and view == "client":
                    continue
                scope = Scope(START, START + width * MINUTE, env="prod", load_test="true")
                question = FiguresQuery(scope, view=view, group=group, step_us=step, service="" if step else "A")
                answer = real.figures(question)
                assert answer[0], question
                assert answer == twin.figures(question), question
                if step:
                    placed = replace(question, placed=True)
                    assert real.figures(placed) == twin.figures(placed), placed


def test_map_agrees(readers):
    """D1, D5: every edge from every side equals a recount."""
    real, twin = readers
    for scope in (SCOPE, replace(SCOPE, load_test="only"), replace(SCOPE, to_us=START + 5_000 * MINUTE, env="test")):
        for question in (EdgesQuery(scope), EdgesQuery(scope, times=False), EdgesQuery(scope, ("B", "mq:orders"))):
            assert real.edges(question) == twin.edges(question)
        found = real.edges(EdgesQuery(scope))[0]
        assert {e.caller for e in found} >= {"A", "B"}
        assert real.told_by_callers(scope) == twin.told_by_callers(scope)


def test_percentiles_of_edges_are_those_of_their_histograms(engine, store_rows):
    """D1, L1: an edge whose histogram stays in the store has the percentiles of its calls, at any weights."""
    source = random.Random(7)
    called = [
        Row(
            trace_id=f"{START // 1_000_000:08x}{source.getrandbits(96):024x}",
            kind=kind,
            service=f"callee-{number}" if kind == "server" else "front",
            name="GET /",
            start_us=START + source.randrange(20 * MINUTE),
            id=f"{source.getrandbits(64) or 1:016x}",
            parent_id="1" * 16,
            duration_us=int(source.lognormvariate(9, source.choice((0, 1, 4)))),
            weight=source.choice((1, 1_000, 7_300)),
            **(
                {"caller_service": "front"}
                if kind == "server"
                else {"peer": f"callee-{number}", "peer_kind": "service"}
            ),
        )
        for number in range(80)
        for kind in ("server", "client")
        for _ in range(source.choice((1, 2, 9, 60)))
    ]
    store_rows(called)
    for reader in (ClickHouseReader(engine), MemoryReader(called)):
        shown, _ = reader.edges(EdgesQuery(SCOPE))
        whole, _ = reader.edges(EdgesQuery(SCOPE, tuple(f"callee-{number}" for number in range(80))))
        assert len(shown) == len(whole) == 160
        for short, full in zip(shown, whole, strict=True):
            times = sorted(
                (row.duration_us, row.weight)
                for row in called
                if row.kind == full.side and full.callee in (row.service, row.peer)
            )
            assert not short.figures.hist
            assert placed_percentiles(short.figures) == placed_percentiles(full.figures)
            for permille, found in zip(PLACED, placed_percentiles(short.figures), strict=True):
                assert found == pytest.approx(_exact(times, permille), rel=0.04, abs=2)


def _exact(times, permille):
    """The duration below which so many thousandths of the weight stayed, off the sorted calls themselves."""
    wanted, reached = -(-sum(weight for _, weight in times) * permille // 1_000), 0
    for duration, weight in times:
        reached += weight
        if reached >= wanted:
            return duration
    raise AssertionError


def test_names_of_spans_agree(readers):
    """N13: services, operations and far ends of finished spans and of others, as rows hold them."""
    real, twin = readers
    for scope in (SCOPE, replace(SCOPE, load_test="true", env="test"), replace(SCOPE, to_us=START + MINUTE)):
        for columns in (("service",), ("name", "kind"), NAMES):
            for services in (None, ["A"], []):
                assert real.names(scope, columns, services) == twin.names(scope, columns, services)


@pytest.fixture
def engine(any_store):
    """Each kind of store in turn."""
    return any_store


def test_replays_change_nothing(engine, store_rows, rows):
    """D5: a block that is handed over again changes no figure; duplicates inside it were removed before."""
    real, twin = ClickHouseReader(engine), MemoryReader(rows, judge=python_judge)
    for _ in range(3):
        store_rows(rows, token="block-1")
    assert real.edges(EdgesQuery(SCOPE)) == twin.edges(EdgesQuery(SCOPE))
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
        assert real.user_days(uid, SCOPE) == twin.user_days(uid, SCOPE)
        for asked in ({}, {"errors": True}, {"limit": 3}, {"service": "A"}):
            for within in (scope, SCOPE, replace(SCOPE, load_test="true", env="prod")):
                question = query(within, uid=uid, **asked)
                assert real.user_page(question) == twin.user_page(question), (uid, asked)


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


def test_a_trace_is_read_whole_wherever_its_rows_lie(engine, store_rows):
    """W1, Q1: the hour that an id tells is where its rows are looked for first, not the only place."""
    rows = [
        Row(
            trace_id=f"{made:08x}{place + 1:024x}",
            kind="local",
            service="A",
            name="step",
            start_us=START + hour * 60 * MINUTE,
            id=f"{number:016x}",
            duration_us=5,
            arrived=LATER,
        )
        for made in (START // 1_000_000, 0)
        for place, hours in enumerate([(0,), (0, 1), (0, 5), (-3, 0), (-30, 0, 2), (100,)])
        for number, hour in enumerate(hours, 1)
    ]
    store_rows(rows)
    real, twin = ClickHouseReader(engine), MemoryReader(rows)
    for trace_id in dict.fromkeys(row.trace_id for row in rows):
        for limit in (10, 1):
            assert real.trace(trace_id, limit) == twin.trace(trace_id, limit)


def test_rows_come_back_as_they_were(readers, rows):
    """M1: a stored row is read back as the same row."""
    real, twin = readers
    for trace_id in list(dict.fromkeys(row.trace_id for row in rows))[:36]:
        assert real.trace_rows(trace_id, 1_000) == twin.trace_rows(trace_id, 1_000)
        assert real.hint(trace_id) == twin.hint(trace_id)
        assert real.trace_rows(trace_id, 2) == twin.trace_rows(trace_id, 2)
    for trace_id in list(dict.fromkeys(row.trace_id for row in rows))[:6]:
        assert real.trace(trace_id, 1_000) == twin.trace(trace_id, 1_000)
    found, _ = real.search(query(limit=20))
    assert real.many_rows(found, 5) == twin.many_rows(found, 5)
    linking = next(row for row in rows if row.links and row.links[0][0] == rows[0].trace_id)
    hint = real.hint(linking.links[0][0])
    assert hint is not None
    assert (linking.trace_id, linking.id, linking.kind) in hint.linked_from
    assert real.extent()[0] == twin.extent()[0]
    assert not MemoryReader().extent()[2]
    assert real.trace_rows("f" * 32, 10) == []
    assert real.trace("f" * 32, 10) == (None, [])
    assert real.hint("f" * 32) is None


def test_more_moving_rows_than_are_listed(engine, store_rows, rows, monkeypatch):
    """Q2: while a great many rows move, lengths and sizes are compared by the sums of their rows; all else stays."""
    monkeypatch.setattr(moving, "MOST_ROWS", 10)
    store_rows(rows[::2])
    settle(engine, LATER)
    store_rows(rows[1::2])
    real, twin = ClickHouseReader(engine), MemoryReader(rows, judge=python_judge)
    for asked in ({}, {"service": "A"}, {"filter": "color=red"}, {"uid": "u/1"}):
        question = query(limit=1_000, **asked)
        found, total = real.search(question)
        assert total == len(found)
        assert {s.trace_id: s for s in found} == {s.trace_id: s for s in twin.search(question)[0]}, asked
    assert real.user_days("u/1", SCOPE) == twin.user_days("u/1", SCOPE)
    assert real.extent() == ClickHouseReader(engine).extent()
    assert real.extent()[2] == twin.extent()[2]


def test_a_search_is_of_one_moment(engine, store_rows, rows, monkeypatch):
    """Q2: traces that settle while a search is asked are told of once, though it asks several statements."""
    monkeypatch.setattr(moving, "MOST_ROWS", 10)
    ask, due = Asker.rows, [True]

    def settled_before_the_sums(self, text, parameters=None):
        if "count() OVER ()" in text and due:
            due.clear()
            settle(engine, LATER)
        return ask(self, text, parameters)

    store_rows(rows)
    real, twin = ClickHouseReader(engine), MemoryReader(rows)
    monkeypatch.setattr(Asker, "rows", settled_before_the_sums)
    question = query(limit=1_000)
    found, total = real.search(question)
    assert total == len(found)
    assert {s.trace_id for s in found} == {s.trace_id for s in twin.search(question)[0]}
