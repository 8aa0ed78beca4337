"""Q2: values of chosen tags beside each trace of a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline.model import Row
from hopline_query.answers.tag_columns import KEYS, values
from hopline_query.errors import BadRequestError
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from support.shops import START, Call, rows_of

RANGE = {"from": str(START - 1), "to": str(START + 3_600_000_000)}


def service() -> QueryService:
    """Three traces; the tenant stands on the root, the statement two calls below, the plan on one trace alone."""
    rows = []
    for number in range(1, 4):
        query = Call("shop", "SELECT", 20, 10, sides="client", peer_kind="db", tags={"db.table": f"t{number}"})
        orders = Call("orders", "GET /", 10, 60, [query], tags={"tenant": "other"})
        tags = {"tenant": str(number), **({"plan": "free"} if number == 2 else {})}
        rows += rows_of(Call("gateway", "GET /", 0, 90, [orders], "server", tags=tags), number, START + number * 1_000)
    return QueryService(MemoryReader(rows), clock=lambda: START + 3_600_000_000)


def test_each_trace_has_the_values_of_its_earliest_rows():
    """Q2: the root's tenant, the statement's table wherever it stands; a tag that a trace has not is left out."""
    found = service().search({**RANGE, "order_by": "oldest", "tags": "tenant, db.table,plan,tenant"})["traces"]
    assert [trace["tags"] for trace in found] == [
        {"tenant": "1", "db.table": "t1"},
        {"tenant": "2", "db.table": "t2", "plan": "free"},
        {"tenant": "3", "db.table": "t3"},
    ]


def test_nobody_asked_for_tags():
    """Q2: without the parameter, and where nothing is found, answers are what they were."""
    assert all("tags" not in trace for trace in service().search(RANGE)["traces"])
    assert service().search({**RANGE, "service": "nobody", "tags": "tenant"})["traces"] == []


def test_too_many_tags_are_refused_by_name():
    """R2: the error names the field."""
    with pytest.raises(BadRequestError, match="at most 8 tags, not 9") as caught:
        service().search({**RANGE, "tags": ",".join(f"k{n}" for n in range(KEYS + 1))})
    assert caught.value.field == "tags"


KEY = st.sampled_from(["a", "b", "c", ""])
TAGS = st.dictionaries(KEY, st.text(max_size=3), max_size=3)


@given(st.lists(st.tuples(TAGS, TAGS), max_size=6), st.lists(KEY, max_size=4, unique=True))
def test_values_are_those_of_the_first_row_that_has_them(told: list[tuple[dict, dict]], keys: list[str]):
    """Q2: over random rows in any order; a tag goes before an attribute of the same name."""
    rows = [
        Row("0" * 32, "server", "s", "n", at, "0", f"{at + 1:016x}", tags=tags, attrs=attrs)
        for at, (tags, attrs) in enumerate(told)
    ]
    found = values(rows[::-1], keys)
    assert set(found) <= set(keys)
    for key in keys:
        first = next(({**attrs, **tags}[key] for tags, attrs in told if key in tags or key in attrs), None)
        assert found.get(key) == first
