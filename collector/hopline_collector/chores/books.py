"""The ledger looked through: what is not accounted for, twice, out of balance or lost."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from hopline_collector.metrics import ACCOUNTS
from hopline_collector.store.clickhouse import ClickHouse

FLAWS_MOST: Final = 1_000
"""Of one look; the counts of the logs tell the rest."""

KINDS: Final = ("gap", "hole", "overlap", "imbalance")

_OUT: Final = "(stored + dead + sampled_out + duplicate + arraySum(mapValues(rejected)))"
# As projection `ledger_sums` of the schema has it, so that the engine adds up parts and not rows.
SUMS: Final = f"SELECT {', '.join(map('sum({})'.format, ACCOUNTS[:-1]))}, sumMap(rejected) FROM {{database}}.ledger"
_LOGS: Final = f"""
SELECT source, topic, partition, log, min(start_offset), max(end_offset), count(), countIf(gap),
  sumIf(end_offset - start_offset, gap), sum(received), sum({_OUT})
FROM {{database}}.ledger GROUP BY source, topic, partition, log ORDER BY source, topic, partition, max(arrived), log"""
_FLAWS: Final = f"""
SELECT source, topic, partition, log, start_offset, end_offset, gap, why, before, received, {_OUT} AS out FROM (
  SELECT *, max(end_offset) OVER (
      PARTITION BY source, topic, partition, log ORDER BY start_offset, end_offset
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM {{database}}.ledger)
WHERE gap OR (before != 0 AND before != start_offset) OR received != out
ORDER BY source, topic, partition, log, start_offset, end_offset LIMIT {FLAWS_MOST}"""


@dataclass(frozen=True, slots=True)
class LogBook:
    """What the ledger holds of one log."""

    source: str
    topic: str
    partition: int
    log: str
    """Identity of the log, empty where the topic's name is enough and in blocks of before it was kept."""
    start: int
    end: int
    blocks: int
    gaps: int
    lost: int
    """Offsets in gaps."""
    received: int
    accounted: int


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is not as it should be, over the offsets from ``start`` up to, not including, ``end``."""

    kind: str
    """Of :data:`KINDS`."""
    source: str
    topic: str
    partition: int
    log: str
    start: int
    end: int
    detail: str


@dataclass(frozen=True, slots=True)
class Books:
    """All logs and their flaws."""

    logs: list[LogBook]
    flaws: list[Flaw]

    def kinds(self) -> dict[str, int]:
        """How many flaws there are of each kind, those without one too."""
        return {kind: sum(flaw.kind == kind for flaw in self.flaws) for kind in KINDS}

    def answer(self) -> dict[str, Any]:
        """For JSON: ``ok``, ``logs`` and ``flaws``."""
        return {"ok": not self.flaws, "logs": list(map(asdict, self.logs)), "flaws": list(map(asdict, self.flaws))}


def sums(store: ClickHouse) -> dict[str, int]:
    """Rows of the whole ledger by account, whatever its length in a few milliseconds. Raises :class:`StoreError`."""
    *plain, rejected = store.ask(SUMS.format(database=store.database))[0]
    return dict(zip(ACCOUNTS, map(int, (*plain, sum(rejected.values()))), strict=True))


def look(store: ClickHouse) -> Books:
    """Look through the whole ledger. Raises :class:`StoreError`."""
    logs = [LogBook(*row) for row in store.ask(_LOGS.format(database=store.database))]
    rows = store.ask(_FLAWS.format(database=store.database))
    return Books(logs, [flaw for row in rows for flaw in _flaws(row)])


def _flaws(row: Sequence[Any]) -> Iterator[Flaw]:
    source, topic, partition, log, start, end, gap, why, before, received, out = row
    told = partial(Flaw, source=source, topic=topic, partition=partition, log=log)
    if gap:
        yield told(kind="gap", start=start, end=end, detail=why or "expired")
    if before and start > before:
        yield told(kind="hole", start=before, end=start, detail="nothing accounts for it")
    if before and start < before:
        yield told(kind="overlap", start=start, end=min(before, end), detail="it is accounted for twice")
    if received != out:
        yield told(kind="imbalance", start=start, end=end, detail=f"{received} received, {out} accounted for")
