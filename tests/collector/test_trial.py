"""Messages tried one by one in a process of its own."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hopline_collector.block.core import Message
from hopline_collector.handover import trial
from hopline_collector.handover.plan import MAX_CHARACTERS, SKIPPED_MOST, TRIES, Plan, decode, encode
from support.wire_rows import NOW, wire_message, wire_row

FATAL = Path(__file__).parents[1] / "faults" / "trial_process.py"
PLAN = Plan(10, 20, NOW, tries=TRIES)
INSERTING = Plan(10, 40, NOW, phase="insert", tries=TRIES)


def messages(*names: str) -> list[Message]:
    return [
        Message(10 + place, "native", wire_message(wire_row(place + 1, name=name))) for place, name in enumerate(names)
    ]


def test_good_and_unreadable_messages_are_no_culprits() -> None:
    """R2: what decodes, or is refused in order, ends nobody."""
    assert (
        trial.culprits(PLAN, [*messages("a", "b"), Message(12, "native", b"\xc1"), Message(13, "unknown", b"")]) == ()
    )
    assert trial.culprits(PLAN, []) == ()


def test_every_message_that_ends_the_child_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """R2: one death of a child for each."""
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, str(FATAL), "abort_on", "fatal"))
    assert trial.culprits(PLAN, messages("fatal", "a", "b", "fatal", "c")) == (10, 13)
    monkeypatch.setattr(trial, "MOST", 1)
    assert trial.culprits(PLAN, messages("fatal", "a", "fatal")) == (10,)


def test_a_message_that_is_never_done_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """R2: by the CPU that it takes, so that a busy machine makes nobody guilty."""
    script = (
        "from hopline_collector.handover import trial\n"
        "def build(messages, plan):\n while messages[0].offset == 11: pass\n"
        "trial.build_block, trial._CPU_SECONDS = build, 0.2\ntrial.main()"
    )
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, "-c", script))
    assert trial.culprits(PLAN, messages("a", "b", "c")) == (11,)


def test_a_trial_that_takes_too_long_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """R2: the hand-over waits for it, so it is bounded as a whole."""
    monkeypatch.setitem(trial.SECONDS, "decode", 0.3)
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, "-c", "import time; time.sleep(60)"))
    assert trial.culprits(PLAN, messages("a")) == ()


def test_a_child_that_never_begins_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """R2: what keeps a child from starting (a full disk, no engine) is no message's fault."""
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
    assert trial.culprits(PLAN, messages("a")) == ()


def test_messages_that_end_whoever_inserts_them_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """K4: in groups, of which the deadly ones are divided until one message is left."""
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, str(FATAL), "abort_on_insert", "fatal"))
    names = ["fatal" if number in (5, 16) else "fine" for number in range(20)]
    assert trial.culprits(INSERTING, messages(*names)) == (15, 26)


def test_what_is_set_aside_already_is_tried_as_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """K4: such a message is not guilty again."""
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, str(FATAL), "abort_on_insert", "fatal"))
    assert trial.culprits(replace(INSERTING, aside=(11,)), messages("fine", "fatal")) == ()


def test_an_insert_that_was_begun_keeps_range_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """K4, C1: a part of it may be stored, so only what is deadly goes, and none of it may be narrowed."""
    for found in ((12, 15), ()):
        monkeypatch.setattr(trial, "culprits", lambda *_, found=found: found)
        after = trial.isolated(INSERTING, [], lambda _: None)
        assert after == replace(INSERTING, tries=0, aside=found)
        assert after.token("kafka", "t", 0) == INSERTING.token("kafka", "t", 0)
        assert decode(after.start, encode(after)) == after


@pytest.mark.parametrize(
    ("found", "tries", "expected"),
    [
        ((12, 15), TRIES, Plan(10, 20, NOW, skip=(12, 15))),
        ((), TRIES, Plan(10, 15, NOW)),
        ((12,), TRIES + 1, Plan(10, 15, NOW)),
    ],
    ids=["found", "nobody found", "the trial was deadly too"],
)
def test_what_follows_a_trial(
    monkeypatch: pytest.MonkeyPatch, found: tuple[int, ...], tries: int, expected: Plan
) -> None:
    """R2: the plan without the culprits, or half of it; the trial is announced, so that its own death is known."""
    monkeypatch.setattr(trial, "culprits", lambda *_: found)
    announced: list[Plan] = []
    plan = Plan(10, 20, NOW, tries=tries)
    assert trial.isolated(plan, [], announced.append) == expected
    assert announced == ([plan.begun()] if tries == TRIES else [])


def test_a_plan_has_room_for_what_it_skips() -> None:
    """R2: a plan that skips as many as it may can still be committed."""
    start = 2**63
    plan = Plan(start, start + 1_000, NOW).without(tuple(range(start, start + 1_000)))
    assert len(plan.skip) == SKIPPED_MOST
    assert len(encode(plan)) <= MAX_CHARACTERS
    assert plan.without((start + 999,)).end == start + 500
