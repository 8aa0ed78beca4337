"""Looking for cycles seldom while blocks come and go."""

import gc
from collections.abc import Iterator

import pytest

from hopline_collector.garbage import YOUNG_OBJECTS, look_as_before, look_seldom


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_a_block_does_not_set_it_off() -> None:
    """C2: as many objects as a block holds come and go without being walked."""
    look_seldom()
    gc.collect()
    before = [found["collections"] for found in gc.get_stats()]
    block = [{"number": [number]} for number in range(YOUNG_OBJECTS // 4)]
    assert [found["collections"] for found in gc.get_stats()] == before
    assert len(block) == YOUNG_OBJECTS // 4


@pytest.mark.parametrize(("found", "then"), [(700, YOUNG_OBJECTS), (YOUNG_OBJECTS * 2, YOUNG_OBJECTS * 2), (0, 0)])
def test_a_higher_limit_and_none_at_all_stay(found: int, then: int) -> None:
    """C2: what somebody chose is not lowered, and off stays off; both are found again."""
    gc.set_threshold(found, 10, 10)
    before = look_seldom()
    assert gc.get_threshold() == (then, 10, 10)
    look_as_before(before)
    assert gc.get_threshold() == (found, 10, 10)
