"""Snapshots of the rules that no plan can name any more.

While a fleet warms up each block with a new operation makes a snapshot of all names, so
they pile up. A plan names the newest of its moment, and waits no longer than its messages
are kept: those of the last days stay, and the newest however old.
"""

from typing import Final

from hopline_collector.block.limits import DAY_US
from hopline_collector.store.clickhouse import ClickHouse

KEPT: Final = 100
"""Newest snapshots that stay whatever their age."""

KEPT_US: Final = 30 * DAY_US
"""Longer than a topic keeps its messages by any sensible setting."""


def drop(store: ClickHouse, now_us: int) -> int:
    """Delete the snapshots that are old and not among the newest; how many that were. Safe to repeat and to race."""
    newest = int(store.ask(f"SELECT max(rules) FROM {store.database}.limits")[0][0])
    old = f"rules + {KEPT} <= {newest} AND at_us < {max(now_us - KEPT_US, 0)}"
    number = int(store.ask(f"SELECT count() FROM {store.database}.limits WHERE {old}")[0][0])
    if number:
        store.define(f"ALTER TABLE {store.settings.home}.limits $on_cluster DELETE WHERE {old}")
    return number
