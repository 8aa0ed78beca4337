"""Rules: limits that need a memory, and that a block depends on its snapshot and nothing that is live."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_collector.block.core import Block, Message, build_block
from hopline_collector.handover.ledger import balanced
from hopline_collector.handover.plan import Plan
from hopline_collector.rules import rules
from hopline_collector.rules.rules import OTHER, Rate, Rules, RulesError
from support.wire_rows import NOW, random_row, wire_message, wire_row

BIG = (7).to_bytes(16, "big")


def block_of(*bodies: bytes, snapshot: Rules | None = None) -> Block:
    snapshot = snapshot or Rules()
    messages = [Message(offset, "native", body) for offset, body in enumerate(bodies)]
    block = build_block(messages, Plan(0, len(bodies), NOW, rules=snapshot.number), snapshot)
    assert balanced(block.counts)
    return block


def named(*names: str) -> bytes:
    return wire_message(*[wire_row(number + 1, name=name) for number, name in enumerate(names)])


def test_operations_over_the_limit_become_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """C5: known names keep their place, new ones come in until the service is full; the name stays on the row."""
    monkeypatch.setattr(rules, "OPERATIONS_MAX", 3)
    snapshot = Rules(4, operations={"orders": frozenset({"known", "seldom"})})
    block = block_of(named("new", "known", "late", "new"), snapshot=snapshot)
    assert block.columns["name"] == ["new", "known", OTHER, "new"]
    assert block.columns["attrs"][2]["source.name"] == "late"
    assert block.columns["tags"][2]["hopline.cut"] == "too_many_operations"
    assert block.counts.cut == {"too_many_operations": 1}
    assert block.news.operations == {"orders": ["new"]}


def test_a_thousand_operations_are_kept_in_one_block() -> None:
    """C5: 1,000 per service, other services undisturbed."""
    bomb = named(*[f"GET /item/{number}" for number in range(1_500)])
    good = wire_message(wire_row(9_999, name="fine"), process={"service": "users"})
    columns = block_of(bomb, good).columns
    assert len(set(columns["name"][:1_500])) == 1_001
    assert columns["name"][1_500] == "fine"


def test_the_limit_holds_when_no_more_names_fit_at_all() -> None:
    """K5: 100,000 names are known, so no snapshot would ever learn a new one; it must not come in uncounted."""
    services = {f"s{number}": frozenset(f"op{n}" for n in range(1_000)) for number in range(99)}
    snapshot = Rules(5, operations={**services, "orders": frozenset(f"op{n}" for n in range(998))})
    block = block_of(named("new", "op1", "late", "later", "new", "op2"), snapshot=snapshot)
    assert block.columns["name"] == ["new", "op1", "late", OTHER, "new", "op2"]
    full = Rules(6, operations={**services, "orders": snapshot.operations["orders"] | {"new", "late"}})
    newcomer = wire_message(wire_row(9, name="first"), process={"service": "users"})
    block = block_of(named("op1", "later"), newcomer, snapshot=full)
    assert block.columns["name"] == ["op1", OTHER, OTHER]
    assert block.columns["attrs"][2]["source.name"] == "first"
    assert (block.counts.cut, block.news.operations) == ({"too_many_operations": 2}, {})


def test_rows_of_a_closed_trace_count_and_are_not_kept() -> None:
    """C5: a closed trace takes no more rows; figures see them, the ledger says why."""
    body = wire_message(wire_row(1, trace_id=BIG), wire_row(2))
    block = block_of(body, snapshot=Rules(9, closed={BIG: NOW}))
    assert block.columns["keep"] == [0, 1]
    assert (block.rows, block.counts.stored, block.counts.rejected) == (2, 1, {"trace_closed": 1})


def test_a_trace_that_grows_too_large_in_one_block_is_cut_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """C5: the limit holds inside a block too, in the order of the rows."""
    monkeypatch.setattr(rules, "ROWS_PER_TRACE", 3)
    monkeypatch.setattr(rules, "SUSPECT_ROWS", 4)
    body = wire_message(*[wire_row(n, trace_id=BIG) for n in range(1, 6)], wire_row(9))
    block = block_of(body)
    assert block.columns["keep"] == [1, 1, 1, 0, 0, 1]
    assert block.news.suspects == {BIG}


texts = st.text(max_size=6)
snapshots = st.builds(
    Rules,
    st.integers(1, 2**40),
    st.lists(st.builds(Rate, st.integers(0, NOW), st.integers(0, rules.ALL)), max_size=3).map(
        lambda found: tuple(sorted(found, key=lambda rate: rate.since_us))
    ),
    st.dictionaries(st.integers(0, 2**20 - 1).map(lambda n: n.to_bytes(16, "big")), st.integers(0, NOW), max_size=5),
    st.dictionaries(texts, st.frozensets(texts, max_size=4), max_size=4),
    st.integers(0, NOW),
)


@given(snapshots)
def test_a_snapshot_comes_back_as_it_was(snapshot: Rules) -> None:
    """C5: what is stored is what was used."""
    assert rules.decode(snapshot.number, rules.encode(snapshot)) == snapshot


@given(snapshots, st.integers(0, 2**32), st.integers(1, 4))
def test_a_replay_with_the_stored_snapshot_makes_the_same_block(snapshot: Rules, seed: int, limit: int) -> None:
    """C5: block = f(messages, plan, snapshot), whatever was learnt in between."""
    source = random.Random(seed)
    bodies = [wire_message(*[random_row(source) for _ in range(15)]) for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "OPERATIONS_MAX", limit)
        first = block_of(*bodies, snapshot=snapshot)
        block_of(named("else", "where"), snapshot=snapshot)
        again = block_of(*bodies, snapshot=rules.decode(snapshot.number, rules.encode(snapshot)))
    assert first.columns == again.columns
    assert first.counts == again.counts


def test_a_block_is_not_built_under_other_rules_than_its_plan_names() -> None:
    """C5: the number in the plan is a promise."""
    with pytest.raises(ValueError, match="names rules 3"):
        build_block([], Plan(0, 1, NOW, rules=3), Rules(4))


@pytest.mark.parametrize("text", ["", "[]", '{"v":2}', '{"v":1,"closed":{"zz":1}}', "\xff"])
def test_a_snapshot_that_cannot_be_read_is_not_guessed(text: str) -> None:
    """C5: of another version or broken: the partition must stand."""
    with pytest.raises(RulesError):
        rules.decode(5, text)
