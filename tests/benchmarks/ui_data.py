"""What the benchmark of the pages looks at: large traces and large fleets in stores of their own, made by SQL."""

import time
from dataclasses import dataclass
from pathlib import Path

from query_data import fill_wide

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_query.store.settling import settle
from support.filled import fill, settle_filled

LOOK_BACK_US = 10 * 60_000_000
"""Traces begin so long before now: within the default range of every page."""
CALLS_OF_A_SHAPE = 4
"""Edges between services in one shape of a trace (see `support.filled`)."""
TRACES = 24_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """A store to be filled: so many services with about so many edges between them, and traces of so many spans."""

    services: int
    edges: int
    traces: tuple[int, ...] = ()


def made(folder: Path, fleet: Fleet) -> dict[int, str]:
    """Fill an embedded store in ``folder``; the id of the trace of each size."""
    store = ClickHouse(StoreSettings(path=str(folder / "clickhouse"), memory_bytes=4_000_000_000))
    migrate(store)
    now = time.time_ns() // 1_000
    since = now - LOOK_BACK_US
    for at, rows in enumerate(fleet.traces):
        fill_wide(store, mark=at + 1, from_us=since, step_us=1, rows=rows, count=1)
    while settle(store, now + 60_000_000, most=500):
        pass
    shapes = fleet.edges // CALLS_OF_A_SHAPE
    # The first place of a shape walks through the fleet, so that no service is left out; the others are scattered.
    scattered = f"1 + cityHash64(t % {shapes}, n) % 977"
    services = f"arrayMap(n -> (t % {shapes} + n * ({scattered})) % {fleet.services}, range(5))::Array(UInt64)"
    fill(store, traces=TRACES, from_us=since, to_us=now, fleet=services)
    settle_filled(store, since, now, now + 60_000_000)
    found = store.ask(
        f"SELECT sum(spans), lower(hex(trace_id)) FROM {store.database}.traces"
        " WHERE has(uids, 'u-wide') GROUP BY trace_id"
    )
    store.close()
    return {int(rows): str(trace_id) for rows, trace_id in found}
