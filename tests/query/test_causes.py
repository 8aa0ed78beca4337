"""Y1: which failures began a trouble, whom they hurt, and links that open exactly them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import BadRequestError
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.tree.build import build_tree
from hopline_query.why.causes import explained
from hopline_query.why.texts import normalised
from support.any_rows import NOW, any_row
from support.shops import START, Call, random_traces, rows_of
from support.why import opened

RANGE = {"from": str(START - 1), "to": str(START + 3_600_000_000)}


def ask(rows, **params):
    return QueryService(MemoryReader(rows), clock=lambda: NOW).causes(RANGE | params)


def deadlock(number, uid="u1", *, recovered=False):
    """Four services, the database call at the bottom fails, everything above it echoes."""
    bottom = Call("shop", "UPDATE orders", 30, 40, sides="client", peer_kind="db", failed="Deadlock", text="row 17")
    stock = Call("stock", "POST /reserve", 20, 60, [bottom], failed="HTTP500", text="failed")
    orders = Call("orders", "POST /orders", 10, 80, [stock], failed="HTTP500", text="failed")
    failed = "" if recovered else "HTTP500"
    return rows_of(Call("gateway", "POST /checkout", 0, 100, [orders], "server", failed, more={"uid": uid}), number)


def test_a_deadlock_through_four_services_is_one_cause():
    """Y1: its three echoes fold under it; the users and the entry operations that it hurt are told."""
    answer = ask([*deadlock(1), *deadlock(2, "u2"), *deadlock(3, recovered=True)])
    (cause,) = answer["causes"]
    assert (cause["service"], cause["caller"], cause["operation"]) == ("db:shop", "stock", "UPDATE orders")
    assert (cause["error_type"], cause["text"]) == ("Deadlock", "row ?")
    assert (cause["count"], cause["echoes"], answer["failures"]) == (3, 8, 11)
    assert (cause["hurt"], cause["recovered"], cause["users"]) == (2, 1, 2)
    assert cause["entries"] == [{"service": "gateway", "operation": "POST /checkout", "count": 2}]
    assert sum(cause["trend"]) == 3


def test_a_bound_is_kept_and_its_links_open_what_it_counts():
    """Y1: of the newest traces alone, the answer says so, and the cause's link counts the same calls."""
    rows = [row for number in range(1, 8) for row in deadlock(number)]
    for row in rows:
        row.start_us += int(row.trace_id[-8:], 16) * 1_000_000
    service = QueryService(MemoryReader(rows), clock=lambda: NOW)
    answer = service.causes(RANGE | {"traces": "3"})
    (cause,) = answer["causes"]
    assert (cause["count"], answer["traces"], answer["truncated"]) == (3, 3, True)
    assert cause["newest_trace_id"].endswith("7")
    found = opened(service, cause["link"])
    assert (found["calls"], found["count"]) == (3, 3)
    (whole,) = service.causes(RANGE)["causes"]
    assert (whole["count"], opened(service, whole["link"])["calls"]) == (7, 7)


@pytest.mark.parametrize("traces", ["0", "-1", "few", "1.5"])
def test_a_bound_that_is_none(traces):
    """R2: the complaint names the field, of the question and of the search behind its links."""
    for asked in (QueryService.causes, QueryService.search):
        with pytest.raises(BadRequestError) as caught:
            asked(QueryService(MemoryReader([]), clock=lambda: NOW), RANGE | {"traces": traces, "cause": "9"})
        assert caught.value.field == "traces"


def test_a_refused_call_is_named_by_who_did_not_answer():
    """Y1: the caller's view counts; the far end never told of the call."""
    refused = Call("payments", "POST /charge", 10, 1, sides="client", failed="ConnectionRefused")
    rows = rows_of(Call("orders", "POST /orders", 0, 20, [refused], "server", "HTTP502"), 1)
    other = rows_of(Call("payments", "GET /", 0, 1, (), "server"), 2)
    (cause,) = ask([*rows, *other])["causes"]
    assert (cause["service"], cause["caller"], cause["no_answer"]) == ("payments", "orders", True)
    assert cause["text"] == "no answer from payments"
    (stranger,) = ask(rows)["causes"]
    assert stranger["service"] == "external:payments"


def test_a_refused_address_is_the_service_that_answers_there():
    """Y1, D1: the caller knew an address alone; other calls to it were answered by one service, which is named."""
    rows = []
    for number in range(1, 4):
        call = Call("stock:8000", "GET /stock", 10, 5, sides="client", failed="" if number < 3 else "ConnectionRefused")
        rows += rows_of(Call("orders", "POST /orders", 0, 20, [call], "server"), number)
    for row in rows:
        if row.kind == "client" and not row.error:
            row.peer, row.peer_kind = "stock", "service"
            row.tags, row.attrs = {"server.address": "stock"}, {"url.full": "http://stock:8000/"}
        elif row.kind == "client":
            row.peer_kind = ""
    rows += rows_of(Call("stock", "GET /", 0, 1, (), "server"), 9)
    service = QueryService(MemoryReader(rows), clock=lambda: NOW)
    (cause,) = service.causes(RANGE)["causes"]
    assert (cause["service"], cause["caller"], cause["no_answer"]) == ("stock", "orders", True)
    assert opened(service, cause["link"])["calls"] == 1


def test_a_timed_out_call_takes_the_callers_words():
    """Y1: the callee answered, too late: its row did not fail, so the caller's side tells."""
    rows = rows_of(Call("a", "x", 0, 100, [Call("b", "y", 10, 50)], "server"), 1)
    for row in rows:
        if row.kind == "client":
            row.error, row.error_type, row.error_text = True, "Timeout", "after 50 ms"
    (cause,) = ask(rows)["causes"]
    assert (cause["service"], cause["operation"], cause["error_type"]) == ("b", "y", "Timeout")
    assert (cause["text"], cause["caller"], cause["recovered"]) == ("after ? ms", None, 1)


def test_nothing_failed():
    """Y1: an empty range and one without failures have no causes."""
    assert ask([])["causes"] == ask(rows_of(Call("a", "x", 0, 1, (), "server"), 1))["causes"] == []


@pytest.mark.parametrize("seed", range(20))
def test_causes_equal_a_recount(seed):
    """Y1: counts and echoes add up to the failing calls, and every figure equals a recount call by call."""
    traces = list(random_traces(seed, 25))
    service = QueryService(MemoryReader([row for rows in traces for row in rows]), clock=lambda: NOW)
    answer = service.causes(RANGE)
    trees = [build_tree(rows, now_us=NOW) for rows in traces]
    assert answer["failures"] == sum(node.error for tree in trees for node in tree.nodes)
    assert answer["failures"] == sum(c["count"] + c["echoes"] for c in answer["causes"])
    count, hurt, recovered = Counter(), Counter(), Counter()
    for tree in trees:
        began = [n for n in tree.nodes if n.error and n.subtree_errors == 1]
        keys = {id(n): (n.inner.name, next(r for r in n.rows[::-1] if r.error).error_type) for n in began}
        count.update(keys.values())
        if tree.main.error:
            best = min(began, key=lambda n: (-n.depth, n.start, n.index))
            hurt[keys[id(best)]] += 1
    told, told_hurt = Counter(), Counter()
    for cause in answer["causes"]:
        told[cause["operation"], cause["error_type"]] += cause["count"]
        told_hurt[cause["operation"], cause["error_type"]] += cause["hurt"]
    assert (told, +told_hurt) == (count, hurt)
    assert recovered.total() == 0
    for cause in answer["causes"]:
        found = opened(service, cause["link"])
        assert (found["calls"], found["count"]) == (cause["count"], cause["traces"])


@given(st.lists(any_row(), max_size=14))
def test_every_failing_call_has_one_cause_below_it(rows):
    """Y1: on hostile rows too, a failing call is explained by the deepest, then earliest cause in its subtree."""
    tree = build_tree(rows, now_us=NOW)
    for index, cause in explained(tree).items():
        node = tree.nodes[index]
        below = tree.nodes[index : index + node.subtree_nodes]
        began = [n for n in below if n.error and n.subtree_errors == 1]
        assert cause is min(began, key=lambda n: (-n.depth, n.start, n.index))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("lock wait on row 17 of 'orders'", "lock wait on row ? of ?"),
        ('no key "a b" in 0x3fa9', "no key ? in ?"),
        ("user 6921c0de-0123-4567-89ab-cdef01234567 is gone", "user ? is gone"),
        ("timeout after 2.5s, 10.0.0.7:5432", "timeout after ?, ?"),
        ("it's over, isn't it", "it's over, isn't it"),
        ("order o-4711 failed\nagain", "order ? failed again"),
    ],
)
def test_what_varies_in_a_text_is_replaced(text, same):
    """Y1: numbers, ids and quoted parts do not tell failures apart."""
    assert normalised(text) == same


@given(st.text())
def test_any_text_is_normalised_once(text):
    """Y1: normalising again changes nothing, whatever the text."""
    once = normalised(text)
    assert normalised(once) == once
