"""What could not be decoded or stored: looking at it, and handing it in again.

A letter is named ``source:topic:partition:offset:index``, which is where it came from, and
``:`` with eight digits of a hash of the log's identity where it has one: two logs may have the same topic and offsets.
Replaying hands its raw bytes to the intake under their own format, as if they had just
arrived; what still cannot be taken becomes a new letter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from hopline_collector.block.core import DECODERS
from hopline_collector.door.intake import Intake, IntakeTooLargeError
from hopline_collector.sources.journal import Batch
from hopline_collector.store.clickhouse import ClickHouse

MOST: Final = 1_000
"""Letters of one list, and of one replay."""

_NAME: Final = re.compile(
    r"([^:]{1,249}):([^:]{1,249}):([0-9]{1,20}):([0-9]{1,20}):(-1|[0-9]{1,20})(:[0-9a-f]{8})?", re.ASCII
)
_PLACE: Final = ("source", "topic", "partition", "offset", "index")
_COLUMNS: Final = 'arrived, source, topic, partition, "offset", "index", format, reason, detail, length(raw), log'
_NOT_REPLAYED: Final = """(source, topic, partition, "offset", "index", log) NOT IN (
  SELECT source, topic, partition, "offset", "index", log FROM {database}.replays)"""
_AT_PLACE: Final = (
    "source = {source:String} AND topic = {topic:String} AND partition = {partition:UInt32}"
    ' AND "offset" = {offset:UInt64} AND "index" = {index:Int32}'
)


class UnknownLetterError(LookupError):
    """No letter has this name."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter without its bytes."""

    arrived: int
    """Microseconds since the epoch."""
    source: str
    topic: str
    partition: int
    offset: int
    index: int
    """Place of the row in its message, -1 for the whole message."""
    format: str
    reason: str
    detail: str
    bytes: int
    log: str = ""
    """Identity of the log, empty where the topic's name is enough and in letters of before it was kept."""

    @property
    def id(self) -> str:
        """The letter's name."""
        place = ":".join(str(getattr(self, name)) for name in _PLACE)
        return place + _suffix(self.log)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replay."""

    replayed: int
    """Letters handed in again."""
    skipped: dict[str, str]
    """Letter -> why it was left alone."""


def list_letters(
    store: ClickHouse, *, reason: str = "", limit: int = 100, before_us: int = 0, replayed: bool = False
) -> list[Letter]:
    """Letters, newest first: of one reason where given, those handed in again only when asked for.

    ``before_us`` is the ``arrived`` of the last letter of the page before.
    """
    wanted = ["arrived < {before:UInt64}"] if before_us else []
    wanted += ["reason = {reason:String}"] if reason else []
    wanted += [] if replayed else [_NOT_REPLAYED.format(database=store.database)]
    statement = (
        f"SELECT {_COLUMNS} FROM {store.database}.dead_letters WHERE {' AND '.join(wanted) or '1'}"
        ' ORDER BY arrived DESC, "offset" DESC, "index" LIMIT {most:UInt32}'
    )
    parameters = {"before": before_us, "reason": reason, "most": max(1, min(limit, MOST))}
    return [Letter(*row) for row in store.ask(statement, parameters)]


def reasons(store: ClickHouse) -> dict[str, int]:
    """How many letters wait, by reason."""
    statement = (
        f"SELECT reason, count() FROM {store.database}.dead_letters"
        f" WHERE {_NOT_REPLAYED.format(database=store.database)} GROUP BY reason ORDER BY count() DESC, reason"
    )
    return {str(reason): int(number) for reason, number in store.ask(statement)}


def show(store: ClickHouse, name: str) -> tuple[Letter, bytes]:
    """A letter and its raw bytes. Raises :class:`UnknownLetterError`."""
    place, suffix = _parsed(name)
    logs = store.ask(f"SELECT DISTINCT log FROM {store.database}.dead_letters WHERE {_AT_PLACE}", place)
    log = next((log for (log,) in logs if _suffix(log) == suffix), None)
    if log is None:
        raise UnknownLetterError(name)
    statement = (
        f"SELECT {_COLUMNS}, hex(raw) FROM {store.database}.dead_letters"
        f" WHERE {_AT_PLACE} AND log = {{log:String}} LIMIT 1"
    )
    *fields, raw = store.ask(statement, {**place, "log": log})[0]
    return Letter(*fields), bytes.fromhex(raw)


def replay(store: ClickHouse, intake: Intake, names: Sequence[str], now_us: int) -> Replayed:
    """Hand letters in again, each once.

    Raises what the intake raises when it is full or away; letters before that one are
    done, and a repetition goes on behind them.
    """
    skipped: dict[str, str] = {}
    done = 0
    for name in names[:MOST]:
        try:
            letter, raw = show(store, name)
        except UnknownLetterError:
            skipped[name] = "there is no such letter"
            continue
        if letter.format not in DECODERS:
            skipped[name] = f"nothing decodes format {letter.format!r}"
        elif _was_replayed(store, letter):
            skipped[name] = "it was handed in before"
        else:
            # The batch id makes a death between the two steps harmless within the hour.
            batch = Batch(f"dead:{_hashed(letter.id, 16)}", b"", now_us // 1_000_000)
            try:
                if intake.answer_of(batch.id, batch.at) is None:
                    intake.accept([(letter.format, raw)], batch)
            except IntakeTooLargeError as error:
                skipped[name] = str(error)
                continue
            _note(store, letter, now_us)
            done += 1
    return Replayed(done, skipped)


def _hashed(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _suffix(log: str) -> str:
    """What a name ends with because of the log."""
    return f":{_hashed(log, 4)}" if log else ""


def _parsed(name: str) -> tuple[dict[str, Any], str]:
    """Where a letter lay, as parameters, and the suffix of its name. Raises :class:`UnknownLetterError`."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise UnknownLetterError(name)
    source, topic, *numbers, suffix = found.groups(default="")
    partition, offset, index = map(int, numbers)
    if partition >= 2**32 or offset >= 2**64 or index >= 2**31:
        raise UnknownLetterError(name)
    place = {"source": source, "topic": topic, "partition": partition, "offset": offset, "index": index}
    return place, suffix


def _was_replayed(store: ClickHouse, letter: Letter) -> bool:
    statement = f"SELECT count() FROM {store.database}.replays WHERE {_AT_PLACE} AND log = {{log:String}}"
    return bool(store.ask(statement, {name: getattr(letter, name) for name in (*_PLACE, "log")})[0][0])


def _note(store: ClickHouse, letter: Letter, now_us: int) -> None:
    row = {"at_us": [now_us], **{name: [getattr(letter, name)] for name in (*_PLACE, "log")}}
    store.insert("replays", row, f"replay/{letter.id}/{now_us}")
