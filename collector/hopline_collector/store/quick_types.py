"""Column types that write dictionary-encoded text faster than the client library does.

Two thirds of our columns are ``LowCardinality(String)``. The library builds their
dictionaries in a Python loop (60 ns a value); two passes in C do the same in 25 ns,
a third of the Python cost of an insert.
"""

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.datatypes.container import Map
from clickhouse_connect.datatypes.string import String
from clickhouse_connect.driver.insert import InsertContext


class QuickString(String, registered=False):
    """``String`` with another way to number the distinct values of a column."""

    def _build_lc_dictionary(self, column: Sequence[Any], _ctx: InsertContext) -> tuple[list[Any], list[int]]:
        index = list(dict.fromkeys(column))
        number_of = dict(zip(index, range(len(index)), strict=True))
        return index, list(map(number_of.__getitem__, column))


def quickened(column_type: ClickHouseType) -> ClickHouseType:
    """The same type with quick dictionaries wherever it holds them."""
    if isinstance(column_type, String) and column_type.low_card and not column_type.nullable:
        return QuickString(column_type.type_def)
    if isinstance(column_type, Map):
        column_type.key_type = quickened(column_type.key_type)
    return column_type
