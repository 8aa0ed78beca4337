"""Views that later migrations change, made once where they are not there yet.

A view whose query was changed by ``MODIFY QUERY`` gives its blocks other names until it is
loaded anew. A block that was tried before the server's next restart and again after it
would be stored twice in the tables that such a view feeds. So a view is made where it is
changed last, and one that is there is changed, and loaded anew where nobody else inserts.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

_MADE: Final = re.compile(r"(CREATE MATERIALIZED VIEW IF NOT EXISTS \w+\.(\w+)\s.*?\sAS\s)", re.DOTALL)
_CHANGED: Final = re.compile(r"ALTER TABLE (\w+\.(\w+))\s+(?:ON CLUSTER \w+\s+)?MODIFY QUERY\s+(.*)", re.DOTALL)

Statements = Sequence[str]


def once(done: Sequence[Statements], todo: Sequence[Statements], there: Collection[str]) -> list[list[str]]:
    """The statements of each migration in ``todo``, after those in ``done``; ``there`` are views by their names."""
    heads = {made[2]: made[1] for part in (*done, *todo) for made in map(_MADE.match, part) if made}
    last = {changed[2]: changed[0] for part in todo for changed in map(_CHANGED.match, part) if changed}
    return [[found for statement in part if (found := _one(statement, heads, last, there))] for part in todo]


def _one(statement: str, heads: dict[str, str], last: dict[str, str], there: Collection[str]) -> str:
    """What to run instead of a statement, empty for nothing."""
    made, changed = _MADE.match(statement), _CHANGED.match(statement)
    if made:
        return "" if made[2] in last else statement
    if changed is None:
        return statement
    if statement != last[changed[2]]:
        return ""
    return statement if changed[2] in there else heads[changed[2]] + changed[3]


def loaded_anew(statement: str) -> list[str]:
    """What follows a statement where nobody else inserts: a view that it changed is loaded anew."""
    changed = _CHANGED.match(statement)
    return [f"DETACH TABLE {changed[1]}", f"ATTACH TABLE {changed[1]}"] if changed else []
