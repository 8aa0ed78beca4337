"""Y6: structural search: the grammar, its complaints, and the calls it selects, against plain recounts."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import BadRequestError
from hopline_query.search.filter import And, Not, Or, Term
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.tree.build import build_tree
from hopline_query.why.selecting import selected
from hopline_query.why.structure import Calls, Joined, Related, parse
from support.any_rows import NOW, any_row
from support.shops import START, Call, random_traces, rows_of
from support.why import opened

RANGE = {"from": str(START - 1), "to": str(START + 3_600_000_000)}


def shop():
    """web calls orders, which calls the database twice, 150 ms and 50 ms; and mail, which calls nothing."""
    tags = {"db.system.name": "postgresql"}
    slow = Call("pg", "SELECT", 10_000, 150_000, sides="client", peer_kind="db", tags=tags)
    quick = Call("pg", "INSERT", 200_000, 50_000, sides="client", peer_kind="db", tags=tags)
    orders = Call("orders", "POST /orders", 5_000, 300_000, [slow, quick])
    mail = Call("mail", "send", 320_000, 10_000)
    return rows_of(Call("web", "POST /checkout", 0, 400_000, [orders, mail], "server"), 1)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{service=web} >> {kind=client AND db.system.name=postgresql AND duration>100ms}", ["SELECT"]),
        ("{name=send} > {kind=client && db.system.name=postgresql}", []),
        ("{service=web} > {kind=client && db.system.name=postgresql}", ["SELECT", "INSERT"]),
        ("{service=orders} > {db.system.name=postgresql}", ["SELECT", "INSERT"]),
        ("{name=send} ~ {service=orders}", ["POST /orders"]),
        ("{name=SELECT} ~ {name=SELECT}", []),
        ("{name=SELECT} << {service=web}", ["POST /checkout", "POST /orders"]),
        ("{name=SELECT} < {service=orders}", ["POST /orders"]),
        ("{name=SELECT} !<< {kind=server}", ["send"]),
        ("{service=orders} !> {kind=client}", ["POST /orders", "send"]),
        ("{name=send} || {name=INSERT}", ["INSERT", "send"]),
        ("{name=send} && {name=nothing}", []),
        ("({name=send} || {name=INSERT}) ~ {name=SELECT}", ["SELECT"]),
        ('{name =~ "^(SEL|INS)"  }', ["SELECT", "INSERT"]),
        ('{kind=server && name !~ "^(SEL|INS)"}', ["POST /checkout", "POST /orders", "send"]),
        ("{}", ["POST /checkout", "POST /orders", "SELECT", "INSERT", "send"]),
        (
            '{span:kind = client && span.db.system.name != "mysql" && !(span:duration < 100ms)}',
            ["SELECT"],
        ),
    ],
)
def test_what_a_line_selects(text, found):
    """Y6: descendant, child, sibling and their reverses; a condition may be met by either side, all by one call."""
    tree = build_tree(shop(), now_us=NOW)
    known = {"^(SEL|INS)": {"SELECT", "INSERT"}}
    assert [node.inner.name for node in selected(tree, parse(text, "q").spansets, known)] == found


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("service=a", 1),
        ("{service=a", 11),
        ("{service=a} >> ", 16),
        ("{service=a} >> {kind=}", 22),
        ("{a=1} {b=2}", 7),
        ("{duration>fast}", 2),
        ("{a=1} >> {b=2 AND duration>fast}", 19),
        ("{a=1} | median(duration)", 9),
        ("{a=1} | count(duration)", 15),
        ("{a=1} | p99()", 13),
        ("{a=1} | count() by service", 20),
        ("{a=1} | count() > many", 19),
        ('{a="1}', 4),
        ("({a=1}", 7),
        ("{a=1} # {b=2}", 7),
        ("(" * 40, 33),
    ],
)
def test_a_complaint_points_at_the_column(text, column):
    """Y6: 400 with the field and the 1-based column."""
    with pytest.raises(BadRequestError) as caught:
        parse(text, "q")
    assert (caught.value.field, caught.value.column) == ("q", column)


@given(st.text(alphabet='{}()|&!<>=~" ab1.\\,', max_size=40) | st.text(max_size=30))
def test_any_text_is_a_query_or_a_complaint(text):
    """R2: no input breaks the parser, and a complaint's column is in the text or just behind it."""
    complaint = None
    try:
        parse(text, "q")
    except BadRequestError as error:
        complaint = error
    assert complaint is None or (complaint.field == "q" and 1 <= complaint.column <= len(text) + 1)


def meets(node, condition):
    """A condition on one call, restated."""
    match condition:
        case None:
            return not node.placeholder
        case Term(key="service" | "name" as key, value=value):
            return any(getattr(row, key) == value for row in node.rows)
        case Term(key="error"):
            return any(row.error for row in node.rows)
        case And(parts):
            return all(meets(node, part) for part in parts)
        case Or(parts):
            return any(meets(node, part) for part in parts)
        case Not(part):
            return not node.placeholder and not meets(node, part)


def ancestors(node):
    while node.parent is not None:
        node = node.parent
        yield node


STANDS = {
    ">>": lambda left, right: any(left is above for above in ancestors(right)),
    "<<": lambda left, right: any(right is above for above in ancestors(left)),
    ">": lambda left, right: right.parent is left,
    "<": lambda left, right: left.parent is right,
    "~": lambda left, right: left is not right and left.parent is not None and left.parent is right.parent,
}


def recount(tree, spansets):
    match spansets:
        case Calls(condition):
            return {node.index for node in tree.nodes if meets(node, condition)}
        case Joined("||", parts):
            return set().union(*(recount(tree, part) for part in parts))
        case Joined("&&", parts):
            found = [recount(tree, part) for part in parts]
            return set().union(*found) if all(found) else set()
        case Related(left, relation, right):
            stands = STANDS[relation.removeprefix("!")]
            lefts = [tree.nodes[index] for index in recount(tree, left)]
            hit = {i for i in recount(tree, right) if any(stands(one, tree.nodes[i]) for one in lefts)}
            return recount(tree, right) - hit if relation.startswith("!") else hit


def random_query(chance, depth=0):
    if depth > 2 or chance.random() < 0.4:
        terms = [f"service={chance.choice('abAB')}", f"name={chance.choice('xy')}", "error=true"]
        picked = [chance.choice(("", "", "!")) + term for term in chance.sample(terms, chance.randint(0, 3))]
        return "{" + chance.choice((" && ", " || ", " AND ")).join(picked) + "}"
    op = chance.choice((">>", ">", "~", "<<", "<", "!>>", "!>", "!~", "!<<", "!<", "&&", "||"))
    return f"({random_query(chance, depth + 1)} {op} {random_query(chance, depth + 1)})"


@given(st.lists(any_row(), max_size=14), st.integers(0, 10**6))
def test_selections_equal_a_recount_on_hostile_trees(rows, seed):
    """Y6: random queries on random trees, call by call."""
    tree = build_tree(rows, now_us=NOW)
    query = parse(random_query(random.Random(seed)), "q")
    assert {node.index for node in selected(tree, query.spansets, {})} == recount(tree, query.spansets)


@pytest.mark.parametrize("seed", range(15))
def test_search_and_table_count_the_same(seed):
    """Y6: the page, the table and its link tell of the same calls."""
    traces = list(random_traces(seed, 25))
    service = QueryService(MemoryReader([row for trace in traces for row in trace]), clock=lambda: NOW)
    text = random_query(random.Random(seed))
    trees = [build_tree(rows, now_us=NOW) for rows in traces]
    hit = [(tree, tree.nodes[i]) for tree in trees for i in recount(tree, parse(text, "q").spansets)]
    found = service.search(RANGE | {"structure": text})
    assert (found["calls"], found["count"]) == (len(hit), len({tree.trace_id for tree, _ in hit}))
    table = service.query(RANGE | {"q": f"{text} | count() by (service)"})
    assert table["columns"] == ["service", "count()"]
    counts = Counter(node.inner.service if node.inner else "" for _, node in hit)
    assert dict(table["rows"]) == counts
    opened_again = opened(service, table["link"])
    assert opened_again["calls"] == table["calls"] == len(hit)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "text", ["{service=a} >> {name=x}", "{service=a && name=y} !> {service=b}", "{service=c} || {name=x}"]
)
def test_a_call_is_in_the_range_in_which_it_starts(seed, text):
    """Y6, Q2a: ranges that cut through traces, conditions that rows outside of them meet."""
    traces = list(random_traces(seed, 25))
    service = QueryService(MemoryReader([row for trace in traces for row in trace]), clock=lambda: NOW)
    low, high = START + 8_400, START + 17_300
    trees = [build_tree(rows, now_us=NOW) for rows in traces]
    hit = [
        (tree.trace_id, index)
        for tree in trees
        for index in recount(tree, parse(text, "q").spansets)
        if any(low <= row.start_us < high for row in tree.nodes[index].rows)
    ]
    found = service.search({"from": str(low), "to": str(high), "structure": text})
    assert (found["calls"], found["count"]) == (len(hit), len({trace for trace, _ in hit}))
    assert service.query({"from": str(low), "to": str(high), "q": f"{text} | count()"})["rows"] == [[len(hit)]]


def test_tables():
    """Y6: numbers by group, durations in microseconds, a bound on what is told; without a stage the calls."""
    service = QueryService(MemoryReader(shop()), clock=lambda: NOW)
    ask = lambda text: service.query(RANGE | {"q": text})["rows"]  # noqa: E731  short
    assert ask("{kind=client AND db.system.name=postgresql} | p99(duration) by (name)") == [
        ["SELECT", 150_000.0],
        ["INSERT", 50_000.0],
    ]
    assert ask("{} | avg(duration) by (name) > 200ms") == [["POST /checkout", 400_000.0], ["POST /orders", 300_000.0]]
    assert ask("{service=nobody} | count()") == [[0]]
    assert ask("{service=web} | rate()")[0][0] == pytest.approx(3 / 3600, abs=1e-6)
    (call,) = ask("{name=send}")
    assert call[2:5] == ["mail", "send", "server"]


@pytest.mark.parametrize(
    ("field", "ask"),
    [("q", lambda s: s.query(RANGE)), ("structure", lambda s: s.search(RANGE | {"structure": "{a=1} | count()"}))],
)
def test_bad_input_names_the_field(field, ask):
    """R2: no query, or a stage where traces are searched for."""
    with pytest.raises(BadRequestError) as caught:
        ask(QueryService(MemoryReader(), clock=lambda: NOW))
    assert caught.value.field == field
