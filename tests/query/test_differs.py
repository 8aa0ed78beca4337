"""Y2: what sets selected calls apart from the rest: planted truth found, nothing found by chance, counts exact."""

import random
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import BadRequestError
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.why.chance import over
from support.any_rows import NOW
from support.planted import KINDS, shop
from support.shops import START, Call, rows_of
from support.why import opened

RANGE = {"from": str(START - 1), "to": str(START + 3_600_000_000), "service": "checkout"}
SLOW = RANGE | {"min_span_duration": "400ms"}


def service_of(rows):
    return QueryService(MemoryReader(rows), clock=lambda: NOW)


@given(st.integers(0, 30), st.integers(0, 60), st.data())
def test_the_test_against_chance_is_exact(n, m, data):
    """Y2: equal to the sum of the hypergeometric distribution in whole numbers."""
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    ways = sum(comb(n, k) * comb(m, a + b - k) for k in range(a, min(n, a + b) + 1) if a + b - k <= m)
    exact = float(Fraction(ways, comb(n + m, a + b)))
    # At or below what chance expects nothing is over-represented: told as certain.
    assert over(a, n, b, m) == pytest.approx(exact if a * (n + m) > (a + b) * n else 1.0, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_what_was_planted_comes_first(kind, seed):
    """Y2: a tag, a pair, a version, an instance, a callee, a missing one, a tag below, a range."""
    planted = shop(seed, kind)
    answer = service_of(planted.rows).differs(SLOW)
    assert planted.found_at(answer["findings"]) == 1, [f["sentence"] for f in answer["findings"]]
    assert len(answer["findings"]) <= 20


@pytest.mark.parametrize("seed", range(5))
def test_nothing_stands_out_where_nothing_was_planted(seed):
    """Y2: no noise on random data."""
    answer = service_of(shop(seed, "").rows).differs(SLOW)
    assert (answer["findings"], answer["selected"] > 5, answer["compared"] > 10) == ([], True, True)


@pytest.mark.parametrize("kind", KINDS)
def test_links_open_what_is_counted(kind):
    """Y2: the selection's link and each finding's open exactly the calls that were counted."""
    service = service_of(shop(7, kind, 300).rows)
    answer = service.differs(SLOW)
    assert answer["selected"] + answer["base"] == 300
    assert opened(service, answer["link"])["count"] == answer["selected"]
    for finding in answer["findings"]:
        found = opened(service, finding["link"])
        assert found["calls"] == found["count"] == finding["selected"]["with"]


def test_a_base_of_ones_own():
    """Y2: against another version, a filter or a period instead of the rest."""
    service = service_of(shop(1, "tag", 300).rows)
    both = service.differs(RANGE | {"version": "1.0", "base_version": "1.1"})
    assert both["selected"] + both["base"] == 300
    assert both["findings"] == []
    half = str(START + 150 * 10_000 + 1)
    periods = service.differs(RANGE | {"from": half, "base_from": RANGE["from"], "base_to": half})
    assert (periods["selected"], periods["base"]) == (150, 150)


def test_empty_one_and_everything_selected():
    """R2: nothing to compare is no finding and no failure."""
    rows = rows_of(Call("checkout", "x", 0, 1, (), "server", tags={"a": "b"}), 1)
    for params in (RANGE, SLOW, RANGE | {"errors": "true"}):
        assert service_of(rows).differs(params)["findings"] == []
    assert service_of([]).differs(RANGE)["findings"] == []


def test_hostile_values_and_ten_thousand_of_them():
    """R2: any text is a value like any other, and values that come once tell nothing."""
    chance = random.Random(3)
    hostile = '"]\\\0<script>|=AND ü\ud7ff\u202e'
    rows = []
    for number in range(1, 301):
        slow = number % 10 == 0
        tags = {f"k{n}": f"{chance.random()}" for n in range(34)} | ({hostile: hostile} if slow else {})
        rows += rows_of(Call("checkout", "x", 0, 900_000 if slow else 10, (), "server", tags=tags), number)
    service = service_of(rows)
    answer = service.differs(SLOW)
    assert [f["terms"][0]["value"] for f in answer["findings"]] == [hostile]
    assert opened(service, answer["findings"][0]["link"])["calls"] == 30


@pytest.mark.parametrize(
    ("field", "params"),
    [("service", {"service": ""}), ("base_from", {"base_from": "soon"}), ("filter", {"filter": "("})],
)
def test_bad_input_names_the_field(field, params):
    """R2: what cannot be understood is named."""
    with pytest.raises(BadRequestError) as caught:
        service_of([]).differs(RANGE | params)
    assert caught.value.field == field


@pytest.mark.parametrize("text", ["x", "[1]", '[["tag","a"]]', '[["tag","a","b","=","c"]]' * 2])
def test_bad_terms_name_the_field(text):
    """R2: terms of a search that are none."""
    with pytest.raises(BadRequestError) as caught:
        service_of([]).search(RANGE | {"having": text})
    assert caught.value.field == "having"


def test_a_key_is_told_by_one_range_and_text_of_many_lines_marks_nothing():
    """Y2: one bound of an amount stands for all, alone and in a pair; a stack trace is no finding."""
    chance = random.Random(5)
    rows = []
    for number in range(1, 401):
        amount, card = chance.randrange(1_000), chance.choice(("visa", "master"))
        slow = amount >= 700 and card == "visa"
        tags = {"amount": str(amount), "card": card} | ({"stack": "File a\nFile b"} if slow else {})
        rows += rows_of(Call("checkout", "x", 0, 900_000 if slow else 10, (), "server", tags=tags), number)
    findings = service_of(rows).differs(SLOW)["findings"]
    assert {term["key"] for finding in findings for term in finding["terms"]} == {"amount", "card"}
    assert len(findings) <= 3
    assert (findings[0]["kind"], findings[0]["selected"]) == (
        "pair",
        {"with": findings[0]["selected"]["of"], "of": findings[0]["selected"]["of"]},
    )
