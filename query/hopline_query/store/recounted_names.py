"""The names of the twin in memory, counted from rows: what the store's small tables must equal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hopline.model import LOAD_TEST, Row
from hopline_query.store.planner import DAY_US, MINUTE_US, TEN_SECONDS_US, cut
from hopline_query.store.port import NAMES, Scope
from hopline_query.topology import aggregate
from hopline_query.topology.brokers import spoken


def tags(rows: Sequence[Row], scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
    """Tag keys, or values of one, over the whole days of the range."""
    days = cut(scope, DAY_US)
    counts: Counter[str] = Counter()
    for row in rows:
        if days.from_us <= row.start_us < days.to_us:
            counts.update(
                value if key else name
                for name, value in row.tags.items()
                if len(value.encode()) <= 128 and (not key or name == key)
            )
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [item for item in ranked if item[0].startswith(prefix)][:limit]


def instances(rows: Sequence[Row], scope: Scope, service: str) -> dict[tuple[str, str, str], tuple[int, int]]:
    """First and last sight of processes, by whole minutes."""
    days = cut(scope, DAY_US)
    seen: dict[tuple[str, str, str], tuple[int, int]] = {}
    for row in rows:
        if aggregate.counts(row) and days.from_us <= row.start_us < days.to_us and service in {"", row.service}:
            slot = row.start_us // MINUTE_US * MINUTE_US
            key = (row.service, row.instance, row.version)
            first, last = seen.get(key, (slot, slot))
            seen[key] = (min(first, slot), max(last, slot))
    return seen


def names(
    rows: Sequence[Row], scope: Scope, columns: tuple[str, ...], services: Sequence[str] | None = None
) -> list[tuple[str, ...]]:
    """What spans are called: like the store, that of a day's spans which began or ended in the range."""
    scope = cut(scope, TEN_SECONDS_US)
    seen: dict[tuple[int, tuple[str, ...], str, bool], tuple[int, int]] = {}
    anytime = replace(scope, from_us=0, to_us=2**63)
    for row in rows:
        if (services is None or row.service in services) and aggregate.in_scope(row, anytime):
            key = (row.start_us // DAY_US, spoken(row), row.env, bool(row.flags & LOAD_TEST))
            first, last = seen.get(key, (row.start_us, row.start_us))
            seen[key] = (min(first, row.start_us), max(last, row.start_us))
    wanted = [NAMES.index(column) for column in columns]
    found = {
        tuple(key[place] for place in wanted)
        for (_, key, _, _), (first, last) in seen.items()
        if last >= scope.from_us and first < scope.to_us
    }
    return sorted(found)


def envs(rows: Sequence[Row], scope: Scope) -> list[str]:
    """Environments."""
    days = cut(scope, DAY_US)
    return sorted(
        {row.env for row in rows if row.env and aggregate.counts(row) and aggregate.in_scope(row, _any(days))}
    )


def _any(scope: Scope) -> Scope:
    return replace(scope, env="", load_test="true")
