"""Bytes to a block: pure, no clock, no I/O.

A block depends on the messages, the plan and the rules that the plan names alone, so
every try on every machine builds the same one. It knows no transport and no store.
"""

import gc
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final, NamedTuple

from hopline.model import KINDS, PROCESS_FIELDS
from hopline_collector.block import normalise, parts, sampling, times
from hopline_collector.block.defaults import fill
from hopline_collector.block.normalise import Columns, Marks
from hopline_collector.block.reports import fit_report
from hopline_collector.formats import Decoded, DecodeError, Report, WireRow, native, otlp, weight, zipkin
from hopline_collector.formats.decoded import FOREIGN_FACT, KEPT_FACT
from hopline_collector.handover.plan import Plan
from hopline_collector.rules import rules as judge
from hopline_collector.rules.rules import News, Rules

INGEST_COLUMNS: Final = (
    *("trace_id", "span_id", "id", "parent_id", "kind", "service", "name", "instance", "host", "zone", "env"),
    *("version", "start_us", "duration_us", "unfinished", "error", "error_type", "error_text", "caller_service"),
    *("caller_instance", "caller_zone", "caller_name", "peer", "peer_kind", "uid", "annotations", "tags", "attrs"),
    *("links", "children", "flags", "weight", "attempt", "arrived", "keep", "foreign"),
)
"""Columns of table ``ingest``, in its order."""

DECODERS: Final[Mapping[str, Callable[[bytes], Decoded]]] = {
    "native": native.decode,
    "zipkin": zipkin.decode,
    "otlp": otlp.decode,
}
"""Format name -> decoder. Decoders are pure and raise :class:`DecodeError` only."""


class Message(NamedTuple):
    """One entry of a source."""

    offset: int
    format: str
    body: bytes
    sent_us: int = 0
    """When the sender says it sent it, 0 = unknown. For showing only: no block depends on it."""
    trouble: str = ""
    """Why the log could not read it, with its offsets; ``body`` is then what lies there."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be decoded or stored."""

    offset: int
    index: int
    """Place of the row in its message, -1 for the whole message."""
    format: str
    reason: str
    detail: str
    raw: bytes
    """A message of ``format`` that holds what could not be taken and nothing else."""


@dataclass(slots=True)
class Counts:
    """received = stored + dead + sampled_out + duplicate + sum of rejected."""

    messages: int = 0
    bytes: int = 0
    received: int = 0
    stored: int = 0
    dead: int = 0
    sampled_out: int = 0
    duplicate: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Block:
    """What one plan makes of its messages."""

    columns: Columns
    """Column name -> values, for every name of :data:`INGEST_COLUMNS`."""
    rows: int
    """Rows of ``columns``: those that are stored, and those that only count in the figures (``keep`` = 0)."""
    dead: list[DeadLetter]
    reports: list[Report]
    counts: Counts
    news: News = field(default_factory=News)


LETTER_BYTES: Final = 1024 * 1024
"""Of a dead letter: what the broker takes as a message by default."""

EMPTY_RULES: Final = Rules()
"""Snapshot 0: everything is kept, nothing is known."""


def build_block(
    messages: Iterable[Message],
    plan: Plan,
    rules: Rules = EMPTY_RULES,
    decoders: Mapping[str, Callable[[bytes], Decoded]] = DECODERS,
) -> Block:
    """Decode, normalise and transpose the messages of one plan. Never raises for what a message holds.

    ``rules`` is the snapshot that the plan names; raises ValueError for another one.
    """
    if rules.number != plan.rules:
        raise ValueError(f"the plan names rules {plan.rules}, not {rules.number}")
    with _collection_paused():
        return _build(messages, plan, rules, decoders)


@contextmanager
def _collection_paused() -> Iterator[None]:
    """No garbage collection for a moment.

    A block makes hundreds of thousands of objects and no cycle; walking them again and
    again took a third of the time of building it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _build(
    messages: Iterable[Message], plan: Plan, snapshot: Rules, decoders: Mapping[str, Callable[[bytes], Decoded]]
) -> Block:
    gathered = _Gathered()
    counts = Counts()
    skip, aside = frozenset(plan.skip), Counter(plan.aside)
    for message in messages:
        counts.messages += 1
        counts.bytes += len(message.body)
        if message.offset in skip:
            gathered.set_aside(message, "skipped", "decoding it failed again and again")
            continue
        if message.offset in aside:
            gathered.set_aside(*_deadly(message, bare=aside[message.offset] > 1))
            continue
        if message.trouble:
            gathered.set_aside(message, "unreadable_batch", message.trouble)
            continue
        decode = decoders.get(message.format)
        if decode is None:
            gathered.set_aside(message, "unknown_format", message.format)
            continue
        excess = weight.excess(message.format, message.body)
        if excess is not None:
            gathered.set_aside(message, *excess)
            continue
        try:
            gathered.add(message, decode(message.body))
        except DecodeError as error:
            gathered.set_aside(message, error.reason, error.detail)
    gathered.transpose()
    columns = gathered.columns
    counts.received = len(columns["id"]) + len(gathered.dead)
    fill(columns)
    _bury(gathered, decoders)
    news = News()
    _fit(gathered, plan, snapshot, counts, news)
    _choose(columns, plan, snapshot, counts, news)
    counts.dead = len(gathered.dead)
    return Block(columns, len(columns["id"]), [*map(_fitted, gathered.dead)], gathered.reports, counts, news)


_TRANSPOSED_ROWS: Final = 100
"""At once: enough that small messages cost no more than large ones, and few enough to be in the cache still."""

_FIELDS: Final = tuple((name, attrgetter(name)) for name in WireRow.__struct_fields__)


class _Gathered:
    """Columns of all rows so far. Rows are transposed while they are still in the processor's cache."""

    def __init__(self) -> None:
        self.columns: Columns = {name: [] for name in (*WireRow.__struct_fields__, *PROCESS_FIELDS)}
        self.columns["foreign"] = []
        self.columns["message"] = []
        """Each row's message, as an index into ``messages``; left out of the block."""
        self.columns["index"] = []
        """Each row's place in its message; left out of the block."""
        self.maps_fit = True
        """Whether no tag or attribute of any message has to be cut."""
        self.messages: list[Message] = []
        self.kept: set[int] = set()
        """Messages, as indexes into ``messages``, whose rows keep their times."""
        self.dead: list[DeadLetter] = []
        self.reports: list[Report] = []
        self._rows: list[WireRow] = []
        """Decoded and not yet transposed."""

    def add(self, message: Message, decoded: Decoded) -> None:
        columns = self.columns
        number = len(self.messages)
        self.messages.append(message)
        for batch in decoded.batches:
            count = len(batch.rows)
            if batch.keeps_times:
                self.kept.add(number)
            self._rows += batch.rows
            if len(self._rows) >= _TRANSPOSED_ROWS:
                self.transpose()
            for name in PROCESS_FIELDS:
                columns[name].extend([normalise.process_text(name, batch.process.get(name) or "")] * count)
            columns["foreign"].extend([int(batch.foreign)] * count)
            columns["message"].extend([number] * count)
            columns["index"].extend(range(count) if batch.indexes is None else batch.indexes)
        self.dead += [
            DeadLetter(message.offset, bad.index, message.format, bad.reason, bad.detail, bad.raw)
            for bad in decoded.refused
        ]
        self.reports += map(fit_report, decoded.reports)

    def transpose(self) -> None:
        """Put the fields of the rows that wait into the columns."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        for name, value_of in _FIELDS:
            self.columns[name].extend(map(value_of, rows))
        for name, max_bytes in normalise.MAP_LIMITS:
            maps = [found for found in self.columns[name][-len(rows) :] if found]
            self.maps_fit = self.maps_fit and normalise.maps_fit(maps, max_bytes)

    def set_aside(self, message: Message, reason: str, detail: str) -> None:
        form = "batch" if message.trouble else message.format
        self.dead.append(DeadLetter(message.offset, -1, form, reason, detail, message.body))


def _deadly(message: Message, *, bare: bool) -> tuple[Message, str, str]:
    """What is set aside of a message that cannot be inserted; ``bare``: its bytes are deadly as a dead letter too."""
    told = "inserting it failed again and again"
    if not bare:
        return message, "skipped", told
    told = f"{told}, as a dead letter too: its {len(message.body)} bytes of {message.format} are left out"
    return message._replace(format="cut", body=b""), "skipped", told


def _fitted(letter: DeadLetter) -> DeadLetter:
    """The letter within its bound: of a larger one the beginning, which nothing decodes any more."""
    if len(letter.raw) <= LETTER_BYTES:
        return letter
    noted = f"{letter.format}, {len(letter.raw)} bytes, the first {LETTER_BYTES} are kept: {letter.detail}"
    return replace(letter, format="cut", detail=noted, raw=letter.raw[:LETTER_BYTES])


def _bury(gathered: _Gathered, decoders: Mapping[str, Callable[[bytes], Decoded]]) -> None:
    """Move rows that cannot be stored at all to the dead letters.

    Rows are not kept, since next to none is ever asked for: a message that has such rows is decoded once more.
    """
    columns = gathered.columns
    bad = normalise.unusable(columns)
    by_message: dict[int, dict[int, int]] = {}
    for row in bad:
        by_message.setdefault(columns["message"][row], {})[columns["index"][row]] = row
    for number, places in by_message.items():
        message = gathered.messages[number]
        for index, wire_row in _rows_at(decoders[message.format](message.body), places):
            row = places[index]
            process = {name: columns[name][row] for name in PROCESS_FIELDS}
            if columns["foreign"][row]:
                process[FOREIGN_FACT] = "1"
            if number in gathered.kept:
                process[KEPT_FACT] = "1"
            raw = native.alone(process, wire_row)
            gathered.dead.append(DeadLetter(message.offset, index, "native", bad[row], "", raw))
    normalise.drop(columns, bad)


def _rows_at(decoded: Decoded, wanted: Container[int]) -> Iterator[tuple[int, WireRow]]:
    """The rows at these places of a message, with their places."""
    for batch in decoded.batches:
        for index, row in zip(batch.indexes or range(len(batch.rows)), batch.rows, strict=True):
            if index in wanted:
                yield index, row


def _fit(gathered: _Gathered, plan: Plan, snapshot: Rules, counts: Counts, news: News) -> None:
    columns = gathered.columns
    marks = Marks()
    normalise.derive_ids(columns)
    repeated = parts.unite(columns)
    counts.duplicate = len(repeated)
    normalise.drop(columns, repeated)
    normalise.fit_texts(columns, marks)
    if not gathered.maps_fit:
        normalise.fit_maps(columns, marks)
    normalise.fit_annotations(columns, marks)
    normalise.fit_links(columns, marks)
    normalise.fit_numbers(columns, marks)
    times.fit_times(columns, plan.now, marks, gathered.kept)
    news.operations = judge.limit_operations(columns, snapshot, marks)
    normalise.write_marks(columns, marks)
    counts.cut = marks.counts
    number = len(columns["id"])
    columns["kind"] = list(map(KINDS.__getitem__, columns["kind"]))
    columns["arrived"] = [plan.now] * number
    del columns["message"], columns["index"]


def _choose(columns: Columns, plan: Plan, snapshot: Rules, counts: Counts, news: News) -> None:
    """Say which rows are kept; the others only count in the figures."""
    sizes = Counter(columns["trace_id"])
    left_out = sampling.sampled_out(columns, sizes, snapshot, plan.now)
    closed = judge.closed_rows(columns, snapshot, sizes) - left_out
    columns["keep"] = [1] * len(columns["id"])
    for row in left_out | closed:
        columns["keep"][row] = 0
    counts.sampled_out = len(left_out)
    if closed:
        counts.rejected["trace_closed"] = len(closed)
    counts.stored = len(columns["id"]) - len(left_out) - len(closed)
    news.suspects = judge.suspects(sizes)
