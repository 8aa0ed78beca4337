"""Percentiles and other figures from histograms."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.latency.figures import (
    Figures,
    apdex,
    bucket,
    bucket_bounds,
    bucket_value,
    describe,
    percentiles,
    scaled,
)


def test_percentiles_err_by_two_per_cent():
    """L2: on a million spans every percentile lies within 2 % of the exact one."""
    source = random.Random(7)
    durations = sorted(int(source.lognormvariate(9, 1.4)) + 30 for _ in range(1_000_000))
    hist = {}
    for value in durations:
        index = bucket(value)
        hist[index] = hist.get(index, 0) + 1_000
    permilles = (10, 500, 750, 900, 950, 990, 999)
    for permille, value in zip(permilles, percentiles(hist, permilles), strict=True):
        exact = durations[max(0, -(-len(durations) * permille // 1_000) - 1)]
        assert value == pytest.approx(exact, rel=0.0201)


@given(
    st.lists(st.tuples(st.integers(0, 10**10), st.integers(1_000, 10**7), st.booleans()), max_size=30), st.integers()
)
def test_figures_are_mergeable(rows, cut):
    """L2: figures of parts add up to the figures of the whole, exactly."""
    whole, first, second = Figures(), Figures(), Figures()
    place = cut % (len(rows) + 1)
    for index, (duration, weight, error) in enumerate(rows):
        whole.count(duration, weight, error=error)
        (first if index < place else second).count(duration, weight, error=error)
    first.add(second)
    assert first == whole


@given(st.integers(1, 10**12))
def test_buckets_hold_their_durations(value):
    """L2: a duration lies in its bucket, but for the rounding of the bounds."""
    low, high = bucket_bounds(bucket(value))
    assert low * 0.999 - 1 <= value <= high * 1.001 + 1


def test_apdex():
    """L1: satisfied, half for tolerating, nothing for failures; one of which no histogram was kept was satisfied."""
    hist = {bucket(100_000): 6_000, bucket(1_000_000): 2_000, bucket(10_000_000): 2_000}
    assert apdex(Figures(hist=hist), 500_000) == 0.7
    assert apdex(Figures(hist=hist, errors=1_000), 500_000) == 0.6
    assert apdex(Figures(), 500_000) is None


@given(
    st.lists(st.tuples(st.integers(0, 10**8), st.integers(1, 5), st.booleans()), min_size=1, max_size=30),
    st.integers(1_000, 10**7),
)
def test_every_call_counts_once_for_apdex(calls, limit):
    """L1: a failed call counts nothing, be it quick, tolerable or slow, and takes nothing from the others."""
    figures, reached, total = Figures(), 0, 0
    for duration, weight, error in calls:
        figures.count(duration, weight, error=error)
        middle = bucket_value(bucket(duration))
        reached += 0 if error else 2 * weight if middle <= limit else weight if middle <= 4 * limit else 0
        total += 2 * weight
    assert apdex(figures, limit) == round(reached / total, 4)


def test_no_calls_have_no_rate():
    """L7: without calls there is no success rate; no data is not read as no errors."""
    value = describe(Figures(), 60, 500_000)
    assert (value["calls"], value["success_rate"], value["p999_us"], value["avg_us"]) == (0, None, None, None)


def test_weights_scale_and_say_so():
    """L3: one row of ten counts as ten calls, and the answer says that it is an estimate."""
    figures = Figures()
    figures.count(1_000, 10_000, error=True)
    value = describe(figures, 10, 500_000)
    assert (value["calls"], value["qps"], value["estimated"], value["sampled"], value["small_sample"]) == (
        10,
        1.0,
        True,
        1,
        True,
    )
    assert scaled(1_500) == 1.5
