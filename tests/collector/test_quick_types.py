"""Dictionary-encoded columns: the bytes of the client library, made faster."""

import copy

import pytest
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from hopline_collector.store.quick_types import quickened

TEXT, MAP = "LowCardinality(String)", "Map(LowCardinality(String), String)"


def encoded(type_name: str, column: list[object], *, quick: bool) -> bytes:
    found = copy.deepcopy(get_from_name(type_name))
    context = InsertContext("t", ["c"], [quickened(found) if quick else found], column_oriented=True)
    context.data = [column]
    return b"".join(NativeTransform.build_insert(context))


@pytest.mark.parametrize("distinct", [1, 2, 3, 255, 257, 70_000])
def test_the_bytes_are_those_of_the_library(distinct: int) -> None:
    """C1: any number of values, long and short, ASCII or not."""
    column: list[object] = [f"wert-ü{number % distinct}" for number in range(distinct * 2)]
    assert encoded(TEXT, column, quick=True) == encoded(TEXT, column, quick=False)


def test_256_values_take_a_byte_each() -> None:
    """C1: where the library already takes two, which the engine reads just as well."""
    column: list[object] = [str(number % 256) for number in range(1_000)]
    assert len(encoded(TEXT, column, quick=False)) - len(encoded(TEXT, column, quick=True)) == 1_000


def test_keys_of_maps_too() -> None:
    """C1: and maps that are all empty."""
    for column in ([{"a": "1"}, {}, {"b": "2", "a": "3"}], [{}, {}]):
        assert encoded(MAP, list(column), quick=True) == encoded(MAP, list(column), quick=False)
