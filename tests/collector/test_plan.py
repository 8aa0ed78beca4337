"""The plan: grammar, golden file, and how it narrows."""

import json
from pathlib import Path

import pytest

from hopline_collector.handover import plan as plans
from hopline_collector.handover.plan import Mark, Plan, PlanError

GOLDEN = Path(__file__).parents[1] / "contract" / "golden" / "plan.json"


def test_the_golden_plans_read_and_write_as_they_stand() -> None:
    """C1: the committed text is a contract between versions of the collector."""
    for case in json.loads(GOLDEN.read_text()):
        plan = plans.decode(case["offset"], case["text"])
        assert isinstance(plan, Plan)
        fields = [plan.start, plan.end, plan.now, plan.rules, plan.phase, plan.tries, list(plan.skip), plan.log]
        assert fields == case["fields"]
        if case["canonical"]:
            assert plans.encode(plan) == case["text"]


def test_a_mark_comes_back() -> None:
    """K2: a committed offset says whose it is and which log it belongs to."""
    assert plans.encode_mark(Mark("c/1f", 5)) == '{"v":2,"now":5,"log":"c/1f"}'
    assert plans.decode(7, plans.encode_mark(Mark("c/1f", 5))) == Mark("c/1f", 5)


def test_no_metadata_is_no_plan() -> None:
    """C1: an empty text means that nothing was planned."""
    assert plans.decode(7, "") is None


@pytest.mark.parametrize(
    "text", ["x", "{}", '{"v":3,"e":9,"now":1}', '{"v":1,"e":7,"now":1}', '{"v":1,"e":9,"now":-1}', "[]"]
)
def test_what_is_no_plan_is_never_planned_over(text: str) -> None:
    """C1: an unknown plan may be stored in part, so it stops the partition."""
    with pytest.raises(PlanError):
        plans.decode(7, text)


def test_narrowing_halves_and_at_last_skips() -> None:
    """C1: a range that cannot be decoded shrinks to the offending message, which is set aside."""
    plan = Plan(10, 14, 5, tries=3)
    plan = plan.narrowed()
    assert (plan.end, plan.tries) == (12, 0)
    plan = plan.narrowed()
    assert (plan.end, plan.skip) == (11, ())
    plan = plan.narrowed()
    assert (plan.end, plan.skip) == (11, (10,))


def test_another_block_has_another_token() -> None:
    """C1: the token tells range, clock and skipped messages apart."""
    plan = Plan(10, 14, 5)
    others = [
        Plan(10, 14, 5, log="c/1f"),
        Plan(10, 13, 5),
        Plan(11, 14, 5),
        Plan(10, 14, 6),
        Plan(10, 14, 5, skip=(10,)),
    ]
    tokens = {p.token("kafka", "t", 0) for p in [plan, *others]} | {plan.token("kafka", "t", 1)}
    assert len(tokens) == 7
    assert plan.inserting().token("kafka", "t", 0) == plan.token("kafka", "t", 0)


def test_a_plan_too_long_to_commit_is_refused() -> None:
    """C1: the broker takes 4,096 characters."""
    with pytest.raises(PlanError):
        plans.encode(Plan(0, 1, 1, skip=tuple(range(2_000))))
