"""The query service over the store in memory."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from hopline_query.errors import BadRequestError, NotFoundError
from hopline_query.params import Params, QuerySettings, cursor
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import Report
from support.waiting import wait_until

NOW = 1_763_800_060_000_000
TRACE = "6921c0de0123456789abcdef01234567"


def service(rows, **more):
    return QueryService(MemoryReader(rows), clock=lambda: NOW, **more)


@pytest.fixture
def many(row):
    """Thirty traces of two services, every third one failing."""
    return [
        row(
            "0",
            f"{n:x}",
            None,
            "server",
            trace_id=f"{0x6921C0DE + n:08x}" + "0" * 23 + "1",
            at=n * 1_000,
            dur=n + 1,
            service="AB"[n % 2],
            error=n % 3 == 0,
            error_type="Timeout" if n % 3 == 0 else "",
            error_text="too slow" if n % 3 == 0 else "",
            uid=f"u{n % 4}",
            version="1" if n < 20 else "2",
            annotations=[(NOW, "k", "v")],
            tags={"http.response.status_code": "504" if n % 3 == 0 else "200"},
            arrived=NOW - 60_000_000,
        )
        for n in range(30)
    ]


def test_pages(many):
    """Q2, Q6: pages of 7 make the whole list; the last says that it is the last."""
    asked, seen = {"limit": "7", "order_by": "longest"}, []
    while True:
        page = service(many).search(asked)
        assert (page["count"], page["count_exact"]) == (30, True)
        seen += [t["duration_us"] for t in page["traces"]]
        if page["next_cursor"] is None:
            break
        assert page["truncated"]
        asked = asked | {"cursor": page["next_cursor"]}
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 30


def test_results_say_where_and_why(many):
    """Q2: service, operation and error type of the deepest failing row, status, and the matched rows."""
    found = service(many).search({"filter": "http.response.status_code>=500", "limit": "1", "order_by": "oldest"})
    trace = found["traces"][0]
    failure = {"service": "A", "name": "op 0", "error_type": "Timeout", "error_text": "too slow"}
    assert trace["failure"] == failure | {"key": "0" * 16}
    assert (trace["status"], trace["matched"], trace["matched_total"]) == ("504", [many[0].id], 1)
    assert found["terms"][0]["key"] == "http.response.status_code"
    assert found["count"] == 10


def test_a_finished_copy_settles_an_open_one(many):
    """T10, Q2: a row that went out open and then finished leaves its trace neither running nor incomplete."""
    copies = [*many[:1], replace(many[0], duration_us=None, arrived=NOW)]
    trace = service(copies).search({})["traces"][0]
    assert (trace["running"], trace["incomplete"]) == (False, False)
    still = service(copies[1:]).search({})["traces"][0]
    assert (still["running"], still["incomplete"]) == (True, True)


def test_repeated_calls_are_found(row):
    """L4: the same callee many times in one trace is listed with its count and time."""
    rows = [row("0", "a", None, "server", children=7)]
    rows += [row(f"0.{n}", f"b{n}", "a", "client", name="SELECT", peer="db:x", at=n) for n in range(1, 8)]
    repeated = service(rows).trace(TRACE)["repeated"]
    assert repeated == [{"parent": rows[0].id, "service": "a", "name": "SELECT", "count": 7, "total_us": 70_000}]


def test_cursors_are_checked():
    """Q2: a cursor of another order, or none of ours, is refused."""
    params = Params({"cursor": cursor("newest", 1, TRACE, 2), "order_by": "spans"}, NOW, QuerySettings())
    with pytest.raises(BadRequestError, match="another order"):
        params.search()


def test_user(many):
    """Q3: newest first, per-day counts, failures only, first and last seen, suggestions."""
    found = service(many).user(" u1 ")
    starts = [t["start_us"] for t in found["traces"]]
    assert starts == sorted(starts, reverse=True)
    assert (found["count"], found["found"], found["traces"][0]["action"]) == (8, True, "op 0")
    assert found["days"] == [{"day": "2025-11-22", "day_us": 1_763_769_600_000_000, "traces": 8, "errors": 2}]
    assert (found["first_seen_us"], found["last_seen_us"]) == (starts[-1], starts[0])
    assert found["sampled"] is False
    assert service(many).user("u1", {"errors": "true"})["count"] == 2
    nobody = service(many).user("u")
    assert (nobody["found"], nobody["suggestions"]) == (False, ["u0", "u1", "u2", "u3"])


def test_sampling_is_said(many):
    """Q3: where rows weigh more than one, traces of this user may have been left out."""
    found = service([replace(row, weight=10_000) for row in many]).user("u1")
    assert found["sampled"]
    assert "left out" in found["sampling_note"]


def test_stats(many):
    """L1, L4: figures by service in the order of impact, with total, period before and sparklines."""
    found = service(many).stats({"compare": "previous", "spark": "10", "histogram": "true"})
    assert [(s["service"], s["calls"], s["errors"]) for s in found["services"]] == [("B", 15, 5), ("A", 15, 5)]
    assert found["total"]["calls"] == 30
    assert found["total"]["previous"]["calls"] == 0
    first = found["services"][0]
    assert first["success_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert sum(first["spark"]["qps"]) * first["spark"]["slot_us"] / 1e6 == pytest.approx(15, abs=0.1)
    assert sum(calls for _, _, calls in first["histogram"]) == 15
    assert found["services"][0]["impact"] > found["services"][1]["impact"]
    by_operation = service(many).stats({"group": "operation", "service": "A", "order_by": "operation"})
    assert {s["operation"] for s in by_operation["services"]} == {"op 0"}


def test_series(many):
    """L1: slot by slot, with empty slots, and marks where a version appears."""
    found = service(many).series({"service": "A", "step": "10s", "from": "now-2m"})
    line = found["series"][0]
    assert len(line["calls"]) == len(found["times"]) == len(line["p999_us"])
    assert sum(line["calls"]) == 15
    assert None in line["p99_us"]
    assert found["step_us"] == 10_000_000


def test_error_groups(many):
    """L6: service, operation, error type, count, first and last seen, newest trace."""
    groups = service(many).errors()["groups"]
    assert [(g["service"], g["error_type"], g["count"]) for g in groups] == [("A", "Timeout", 5), ("B", "Timeout", 5)]
    assert groups[0]["newest_trace_id"] == many[24].trace_id


def test_a_brushed_rectangle_opens_its_traces(many):
    """L5: the traces behind a cell of the heatmap are those that its rectangle finds."""
    answer = service(many).heatmap({"service": "A", "columns": "20"})
    column, row, calls, _ = max(answer["cells"], key=lambda c: c[2])
    begin, end = answer["times"][column], answer["times"][column] + answer["step_us"]
    low, high = answer["edges_us"][row], answer["edges_us"][row + 1]
    found = service(many).search(
        {
            "service": "A",
            "from": str(begin),
            "to": str(end),
            "min_span_duration": f"{low}us",
            "max_span_duration": f"{high - 1}us",
            "entry": "true",
        }
    )
    assert found["count"] == calls > 0


def test_names(many):
    """Q4: services, operations, instances, tags, environments."""
    one = service(many)
    assert [s["service"] for s in one.services()["services"]] == ["A", "B"]
    assert [s["service"] for s in one.services({"q": "b"})["services"]] == ["B"]
    assert one.operations({"service": "A"})["operations"][0]["calls"] == 15
    assert {i["version"] for i in one.instances({"service": "A"})["instances"]} == {"1", "2"}
    assert one.tag_keys()["keys"] == [{"key": "http.response.status_code", "rows": 30}]
    assert [v["value"] for v in one.tag_values("http.response.status_code")["values"]] == ["200", "504"]


def test_node_statistics_and_events(article):
    """U4, U5: the side panel, the statistics and the events of a trace."""
    noted = [
        replace(r, annotations=[(r.start_us + 5, "k", r.service)], tags={"t": "1"}, attrs={"url": "/"}) for r in article
    ]
    one = service(noted)
    panel = one.node(TRACE, "0.1")
    assert panel["node"]["span_id"] == "0.1"
    assert panel["siblings"] == {"index": 0, "count": 2}
    assert [c["span_id"] for c in panel["children"]] == ["0.1.1"]
    assert [(a["side"], a["offset_us"]) for a in panel["annotations"]] == [("client", 10_005), ("server", 12_005)]
    assert {(t["key"], t["indexed"]) for t in panel["tags"]} == {("t", True), ("url", False)}
    assert one.statistics(TRACE)["groups"][0]["value"] == "A"
    assert [e["value"] for e in one.events(TRACE, {"limit": "2"})["events"]] == ["A", "A"]
    with pytest.raises(NotFoundError):
        one.node(TRACE, "nowhere")


@pytest.mark.parametrize(
    ("words", "spans"),
    [
        ("", []),
        ("MISS", ["0.1"]),
        ("cache=miss", ["0.1"]),
        ("cache=mis", []),
        ("zone=eu -span=0", ["0.1.1"]),
        ('"eu west"', ["0.1.1"]),
        ("url=/a/b", ["0.2"]),
        ("broken", ["0.2"]),
        ("error", ["0.2"]),
        ("service=b", ["0.1"]),
        ("caller=b", ["0.1.1"]),
        ("span=0.1 span=0.2", ["0.1", "0.2"]),
        ("-span=0 -service=b", ["0.1.1", "0.2"]),
    ],
)
def test_find_looks_through_the_whole_trace(article, words, spans):
    """U4: names, tags, annotations and errors of every call, whatever the size of the trace."""
    rows = [
        replace(
            r,
            annotations=[(r.start_us, "cache", "miss")] if r.kind == "server" and r.service == "B" else [],
            tags={"region": "EU West", "zone": "eu"} if r.service == "C" else {},
            attrs={"url": "/a/b"} if r.service == "E" else {},
            error=r.service == "E",
            error_text="is BROKEN" if r.service == "E" else "",
        )
        for r in article
    ]
    one = service(rows)
    answer = one.found(TRACE, {"words": words})
    nodes = one.trace(TRACE, {"shape": "flat"})["nodes"]
    assert answer["of"] == len(nodes)
    assert [nodes[at]["span_id"] for at in answer["found"]] == spans


def test_a_call_is_compared_with_others_of_its_operation(row):
    """L4: how many per cent took no longer, within half an hour before and after; other operations do not count."""
    hour = 3_600_000
    calls = [row("0", f"{n:x}", None, "server", trace_id=f"{n:032x}", name="op", dur=n, at=n) for n in range(1, 101)]
    others = [
        row("0", "d1", None, "server", trace_id="d" * 32, name="other", dur=1),
        row("0", "d2", None, "server", trace_id="e" * 32, name="op", dur=1, at=2 * hour),
        row("0", "d3", None, "server", trace_id="f" * 32, name="op", dur=None),
    ]
    one = service(calls + others)
    found = {n: one.node(f"{n:032x}", "0")["percentile"] for n in (1, 50, 100)}
    assert found[1] == 1.0
    assert found[50] == pytest.approx(50, abs=2)
    assert found[100] == 100.0
    assert one.node("d" * 32, "0")["percentile"] == 100.0
    assert one.node("f" * 32, "0")["percentile"] is None


@pytest.mark.parametrize(("asked", "answered"), [("", 20), ("7", 7), ("5000", 1_000)])
def test_a_limit_that_is_cut_is_answered(many, asked, answered):
    """Q6: the answer says how many traces a page holds, whatever was asked for."""
    assert service(many).search({"limit": asked})["limit"] == answered


def test_trees_are_built_once(article, monkeypatch):
    """T11, T12: a tree is reused until a row comes; its state follows the clock."""
    from hopline_query.answers import traces

    built = []
    real = traces.build_tree
    monkeypatch.setattr(traces, "build_tree", lambda *args, **more: built.append(1) or real(*args, **more))
    reader = MemoryReader([replace(r, arrived=NOW) for r in article[:-1] if r.span_id != "0.1"])
    now = [NOW]
    one = QueryService(reader, clock=lambda: now[0])
    assert one.trace(TRACE)["state"] == "in_progress"
    now[0] += 31_000_000
    assert one.node(TRACE, "0.2")["node"]["span_id"] == "0.2"
    assert one.trace(TRACE)["state"] == "incomplete"
    assert len(built) == 1
    reader.rows = [replace(r, arrived=NOW) for r in article]
    assert one.trace(TRACE)["state"] == "complete"
    assert len(built) == 2


@pytest.mark.parametrize("blank", [" ", "\u2028", "\n\t"])
def test_a_blank_name_is_no_name(article, blank):
    """Q6: blanks do not turn a search for one service into one for all."""
    for field in ("service", "operation", "uid", "env"):
        with pytest.raises(BadRequestError) as caught:
            service(article).search({field: blank})
        assert caught.value.field == field
    assert service(article).search({"service": " A\n", "from": "0", "to": str(7 * 86_400_000_000)})["count"] == 0


def test_a_tree_is_built_once_however_many_ask(article, monkeypatch):
    """Q6: eight readers of one trace at the same time share one building of its tree."""
    from hopline_query.answers import traces

    one = service(article)
    built = []
    real = traces.build_tree

    def build(*args, **more):
        built.append(1)
        wait_until(lambda: one._trees._building[TRACE, False][1] == 8)
        return real(*args, **more)

    monkeypatch.setattr(traces, "build_tree", build)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: one.trace(TRACE), range(8)))
    assert answers == [answers[0]] * 8
    assert len(built) == 1
    assert one._trees._building == {}


def test_a_closed_trace_says_so(article):
    """T21, C5: a trace that takes no more rows says that it is not whole, in every shape."""
    one = QueryService(MemoryReader(article, closed=[TRACE]), clock=lambda: NOW)
    for shape in ("tree", "flat", "timeline"):
        (warning,) = one.trace(TRACE, {"shape": shape})["warnings"]
        assert (warning["code"], warning["level"], warning["count"]) == ("trace_closed", "warning", 1)
    assert service(article).trace(TRACE)["warnings"] == []


def test_map_of_one_trace(article):
    """D4: one trace's map, with exact calls per trace."""
    answer = service(article).dependencies({"trace_id": TRACE})
    assert [(e["caller"], e["callee"], e["calls_per_trace_max"]) for e in answer["edges"]] == [
        ("A", "B", 1),
        ("A", "E", 1),
        ("B", "C", 1),
        ("USER", "A", 1),
    ]


def test_map_of_a_search(article):
    """D4: the map of a user's traces."""
    rows = [replace(r, uid="u1") for r in article]
    answer = service(rows).dependencies({"uid": "u1", "from": "now-1h"})
    assert (len(answer["edges"]), answer["traces"]) == (4, 1)
    assert service(rows).dependencies({"uid": "u2", "from": "now-1h"})["edges"] == []


def test_freshness(many):
    """L7: no data is never read as no errors: empty, quiet, behind, and processes that drop."""
    report = Report("A", "h1:1", NOW, 10, 8, {"queue_full": 2}, 0)
    assert QueryService(MemoryReader(), clock=lambda: NOW).freshness()["state"] == "empty"
    assert service(many).freshness()["state"] == "quiet"
    assert service(many, lag_us=lambda: 1_000_000).freshness()["state"] == "ok"
    behind = service(many, lag_us=lambda: 60_000_000).freshness()
    assert (behind["state"], behind["behind_s"], behind["complete_to_us"]) == ("behind", 60.0, NOW - 60_000_000)
    losing = QueryService(MemoryReader(many, [report]), clock=lambda: NOW)
    assert losing.stats()["freshness"]["dropping"][0]["reasons"] == {"queue_full": 2}
    assert losing.system()["processes"][0]["sent"] == 8


def test_opaque_ids_are_found_by_their_spelling(row):
    """M8: another tracer's id is found as it was given."""
    from hopline_query.search.ids import digest

    rows = [row("0", "a", None, "server", trace_id=digest("order-4711"), tags={"source.trace_id": "order-4711"})]
    assert service(rows).trace("order-4711")["trace_id"] == digest("order-4711")


def test_find(many):
    """U2: a pasted text leads right."""
    found = service(many).find(f"http://h/trace/{TRACE}")
    assert (found["kind"], found["trace_id"], found["uid"]) == ("trace", TRACE, None)


@pytest.mark.parametrize("uid", ["a=b", "tenant=shop 7", "a=b c=d"])
def test_find_names_the_user_whose_id_reads_as_a_filter(row, uid):
    """N15: a filter stays one, and says whether a user has exactly this id; those whose ids begin so do not count."""
    known = service([row("0", "a", uid=uid), row("0", "b", uid=f"{uid}1"), row("0", "c", uid=uid.partition("=")[0])])
    whole, longer = known.find(f" {uid} "), known.find(f"{uid}2")
    assert (whole["kind"], whole["filter"], whole["uid"]) == ("filter", uid, uid)
    assert (longer["kind"], longer["uid"]) == ("filter", None)
    assert service([]).find(uid)["uid"] is None


def test_range(many):
    """U3: the widest range with data, for helpful empty answers."""
    assert service(many).range()["traces"] == 30
    assert service([]).range()["empty"]


def test_rows_that_the_store_shows_a_moment_later_are_not_missed(row):
    """T11: a trace asked for between its summary and its rows is read again, though no row came since."""

    class Halfway(MemoryReader):
        shown = 0

        def trace_rows(self, trace_id, limit, hint=None):
            return super().trace_rows(trace_id, limit, hint)[: self.shown]

    reader = Halfway([row("0", "1", None, arrived=NOW), row("0.1", "2", "1", arrived=NOW)])
    asked = QueryService(reader, clock=lambda: NOW)
    trace_id = reader.rows[0].trace_id
    assert asked.trace(trace_id)["rows"] == 0
    reader.shown = 1
    assert asked.trace(trace_id)["rows"] == 1
    reader.shown = 2
    assert asked.trace(trace_id)["rows"] == 2
    reader.shown = 0
    assert asked.trace(trace_id)["rows"] == 2, "what was whole is kept until more comes"
