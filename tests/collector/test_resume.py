"""Where a partition goes on: the rule itself, over all small combinations of position, ledger and log."""

from collections.abc import Iterator
from itertools import product
from typing import Final

import pytest

from hopline_collector.handover.plan import Mark, Plan
from hopline_collector.handover.resume import EXPIRED, FRESH_US, SKIPPED, Committed, Gap, Known, Log, Resumed, resume

OURS: Final = "cluster/topic"
NOW: Final = 10 * FRESH_US
MOST: Final = 4
Case = tuple[Committed | None, Known, Log]


def notes(offset: int) -> Iterator[Plan | Mark | None]:
    yield None
    for log, at in product((OURS, "other"), (NOW, NOW - 2 * FRESH_US)):
        yield Mark(log, at)
    for end, phase, log in product(range(offset + 1, MOST + 2), ("decode", "insert"), (OURS, "other", "")):
        yield Plan(offset, end, NOW, phase=phase, log=log)  # type: ignore[arg-type]


def cases() -> Iterator[Case]:
    positions = [None, *(Committed(offset, note) for offset in range(MOST + 2) for note in notes(offset))]
    logs = [Log(OURS, start, end) for start in range(MOST + 1) for end in range(start, MOST + 1)]
    for committed, end, log in product(positions, range(MOST + 2), logs):
        yield committed, Known(end), log
        if committed is not None and isinstance(committed.note, Plan) and end >= committed.note.end:
            yield committed, Known(end, holds_plan=True), log


def judged() -> Iterator[tuple[Case, Resumed]]:
    for case in cases():
        yield case, resume(*case, NOW)


def test_reading_begins_within_the_log() -> None:
    """K2: whatever position and ledger say, reading begins where there is something to read."""
    for (committed, ledger, log), found in judged():
        assert log.start <= found.position <= log.end, (committed, ledger, log)


def test_what_the_ledger_has_is_never_read_again() -> None:
    """K2: no range is accounted for twice, unless the log lost its end."""
    for (committed, ledger, log), found in judged():
        assert found.position >= min(ledger.end, log.end), (committed, ledger, log)


def test_nothing_is_left_out_without_a_gap() -> None:
    """K2: from where the ledger ends to where reading begins, every offset is in exactly one gap."""
    for (committed, ledger, log), found in judged():
        told = [offset for gap in found.gaps for offset in range(gap.start, gap.end)]
        if ledger.end:
            assert told == list(range(ledger.end, found.position)), (committed, ledger, log, found)
        elif committed is not None and committed.note is None and committed.offset <= log.end:
            assert told == list(range(committed.offset, found.position)), (committed, ledger, log, found)


def test_a_position_of_another_log_counts_for_nothing() -> None:
    """K2: a topic that was made anew, or another cluster, is judged as if nothing had been committed."""
    for (committed, ledger, log), found in judged():
        if committed is not None and committed.note is not None and committed.note.log == "other":
            assert found == resume(None, ledger, log, NOW)


def test_an_insert_that_was_begun_goes_on_under_its_token() -> None:
    """K2: a plan whose block may be stored in part is kept while any of its messages are there."""
    for (committed, ledger, log), found in judged():
        plan = None if committed is None else committed.note
        if not isinstance(plan, Plan) or plan.log == "other" or plan.phase != "insert" or ledger.holds_plan:
            continue
        there = log.start < plan.end <= log.end and ledger.end < plan.end
        if there and (ledger.end in {0, plan.start} or ledger.end > plan.start):
            assert found.plan == plan, (committed, ledger, log)


def test_a_plan_that_is_followed_can_be_followed() -> None:
    """K2: no plan waits for messages that are not there, or repeats what is stored."""
    for (committed, ledger, log), found in judged():
        if found.plan is not None:
            assert committed is not None
            assert found.plan == committed.note
            assert found.plan.start <= found.position < found.plan.end <= log.end
            assert not ledger.holds_plan


def test_the_judgement_holds_when_it_is_made_again() -> None:
    """K2: a death after the gaps were written and before anything was committed changes nothing."""
    for (committed, ledger, log), found in judged():
        told = Known(max([ledger.end, *(gap.end for gap in found.gaps)]), ledger.holds_plan)
        again = resume(committed, told, log, NOW)
        assert (again.position, again.plan) == (found.position, found.plan), (committed, ledger, log)
        assert again.gaps == (), (committed, ledger, log)


@pytest.mark.parametrize(
    ("committed", "ledger", "log", "found"),
    [
        pytest.param(None, Known(), Log(OURS, 3, 9), Resumed(3), id="a new group"),
        pytest.param(None, Known(6), Log(OURS, 3, 9), Resumed(6), id="positions that expired"),
        pytest.param(Committed(9, Mark("b", NOW)), Known(), Log(OURS, 0, 50), Resumed(0), id="a topic made anew"),
        pytest.param(Committed(9, Mark(OURS, NOW)), Known(5), Log(OURS, 0, 9), Resumed(5), id="a restored store"),
        pytest.param(Committed(9, Mark(OURS, NOW)), Known(), Log(OURS, 2, 9), Resumed(2), id="an emptied store"),
        pytest.param(
            Committed(9, Mark(OURS, NOW)),
            Known(2),
            Log(OURS, 5, 9),
            Resumed(5, None, (Gap(2, 5, EXPIRED),)),
            id="a restored store, too late",
        ),
        pytest.param(
            Committed(9),
            Known(5),
            Log(OURS, 0, 12),
            Resumed(9, None, (Gap(5, 9, SKIPPED),)),
            id="moved forward by hand",
        ),
        pytest.param(Committed(2), Known(5), Log(OURS, 0, 12), Resumed(5), id="moved back by hand"),
        pytest.param(
            Committed(2, Mark(OURS, NOW)),
            Known(2),
            Log(OURS, 7, 9),
            Resumed(7, None, (Gap(2, 7, EXPIRED),)),
            id="a trimmed log",
        ),
        pytest.param(Committed(9, Mark(OURS, NOW)), Known(9), Log(OURS, 0, 4), Resumed(4), id="a log without its end"),
        pytest.param(Committed(9, Mark(OURS, 0)), Known(), Log(OURS, 0, 12), Resumed(9), id="a ledger that is pruned"),
        pytest.param(
            Committed(2, Plan(2, 8, NOW, phase="insert", log=OURS)),
            Known(2),
            Log(OURS, 5, 9),
            Resumed(5, Plan(2, 8, NOW, phase="insert", log=OURS), (Gap(2, 5, EXPIRED),)),
            id="a log trimmed inside of a block",
        ),
    ],
)
def test_troubles_by_name(committed: Committed | None, ledger: Known, log: Log, found: Resumed) -> None:
    """K2: each way in which the three part has its end."""
    assert resume(committed, ledger, log, NOW) == found
