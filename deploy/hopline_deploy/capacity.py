"""How large an installation must be, from what a span costs: pure arithmetic, every assumption in sight.

Measured costs of a span (CPU, bytes) times the rate, at a load that leaves room for failures and for catching up.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from hopline_deploy.simulation import Failure, Fleet, Outcome, simulate

DAY_S: Final = 86_400
_GB: Final = 1_000_000_000
_ROOM: Final = 1.25
"""Collectors for so much more than the load: what was left undone is caught up with while it goes on."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a span costs, and how full things may be."""

    collector_cpu_us: float = 10.0
    """Taking in, decoding, checking and building the block, per span."""
    store_cpu_us: float = 65.0
    """Insert, views, merges and settling of traces, per span."""
    block_cpu_ms: float = 290.0
    """What a block costs in all views however few rows it has, with the merges of its parts."""
    blocks_per_s: float = 0.75
    """Blocks of one collector: under load they get larger, not more."""
    stored_bytes: float = 130.0
    """In all tables together, compressed, per span of eight tags."""
    wire_bytes: float = 110.0
    """In Kafka, compressed by the client, per span."""
    busy_share: float = 0.5
    """How busy processors are at the rated load: the rest catches up after an outage."""
    disk_share: float = 0.7
    """How full a disk may be: merges need room."""
    collector_spans_per_s: int = 20_000
    """One collector process hands over so many: its one Python thread decodes."""
    partition_spans_per_s: int = 10_000
    """One partition brings so many."""
    node_cores: int = 32
    """Processors of one ClickHouse node."""
    node_disk_bytes: int = 8_000 * _GB
    """Disk of one ClickHouse node."""
    store_replicas: int = 1
    kafka_replicas: int = 3
    kafka_hours: int = 24
    """How long Kafka keeps messages: the longest outage of everything behind it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is needed; memory and disks are sums over all machines."""

    partitions: int
    collectors: int
    cores: int
    memory_bytes: int
    clickhouse_nodes: int
    disk_bytes: int
    kafka_disk_bytes: int

    def answer(self, assumptions: Assumptions) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "assumptions": asdict(assumptions)}


def failures(found: Plan, spans_per_second: float, a: Assumptions) -> dict[str, Outcome]:
    """What a plan does when the store is away for an hour, and when one of several collectors dies for good."""
    fleet = Fleet(found.collectors, found.partitions, a.collector_spans_per_s, spans_per_second)
    wrong = {"store_away_an_hour": Failure(store_away_s=3_600)}
    if found.collectors > 1:
        wrong["collector_lost"] = Failure(collectors_lost=1)
    return {name: simulate(fleet, failure) for name, failure in wrong.items()}


def busy_cores(spans_per_second: float, collectors: int, a: Assumptions) -> float:
    """Processors that so many spans keep busy: each span by itself, and the blocks that the collectors insert."""
    blocks = collectors * a.blocks_per_s * a.block_cpu_ms / 1e3
    store = spans_per_second * a.store_cpu_us / 1e6 + blocks
    return spans_per_second * a.collector_cpu_us / 1e6 + store * a.store_replicas


def plan(spans_per_second: float, days: float, a: Assumptions) -> Plan:
    """What `spans_per_second` kept for `days` need. Raises ValueError for numbers that mean nothing."""
    if not (0 < spans_per_second <= 1e9 and 0 < days <= 36_500):
        raise ValueError("expected more than 0 and at most 1,000,000,000 spans a second and 36,500 days")
    needed = math.ceil(spans_per_second / a.collector_spans_per_s * _ROOM)
    # One more than needed: the partitions of one that died go to the others. A small load needs no second one.
    collectors = needed + 1 if needed > 1 else 1
    # A multiple of those that are left then: were one to hold more than the others, it would not catch up.
    partitions = max(2, needed * math.ceil(spans_per_second / a.partition_spans_per_s / needed), collectors)
    if collectors > 1:
        partitions = needed * math.ceil(partitions / needed)
    stored = spans_per_second * DAY_S * days * a.stored_bytes * a.store_replicas / a.disk_share
    collector_cores = spans_per_second * a.collector_cpu_us / 1e6 / a.busy_share
    store_cores = busy_cores(spans_per_second, collectors, a) / a.busy_share - collector_cores
    nodes = max(a.store_replicas, math.ceil(store_cores / a.node_cores), math.ceil(stored / a.node_disk_bytes))
    memory = collectors * 1.0 * _GB + nodes * 4.0 * _GB + store_cores * 2.0 * _GB
    kafka = spans_per_second * a.kafka_hours * 3_600 * a.wire_bytes * a.kafka_replicas / a.disk_share
    return Plan(
        partitions=partitions,
        collectors=collectors,
        cores=max(1, math.ceil(store_cores + collector_cores)),
        memory_bytes=round(memory),
        clickhouse_nodes=nodes,
        disk_bytes=math.ceil(stored),
        kafka_disk_bytes=math.ceil(kafka),
    )
