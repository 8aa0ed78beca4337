"""Record batches that cannot be read, set aside as one message each, so that their neighbours go on.

The client library raises once for such a batch (an unknown codec, a wrong check sum, what
does not inflate or has no structure) and then asks for it again for ever inside its
``poll``, without a word. Here the library is given batches that never fail: one that
cannot be read looks like a batch of one record that holds its bytes and says why.
"""

import logging
import struct
from collections.abc import Iterator
from typing import Any, Final

from kafka.consumer.fetcher import Fetcher

from hopline_collector.sources.inflate import inflate

log = logging.getLogger(__name__)

INFLATED_MOST: Final = 64 * 1024 * 1024
"""Bytes of one batch; a broker takes a megabyte by default, and ours are not made of zeros."""

_KEPT_BYTES: Final = 1024 * 1024
"""Of a batch that is set aside."""
_BATCHES_SINCE: Final = 2
"""Format of Kafka 0.11; older ones the library opens by itself."""
_HEAD: Final = struct.Struct(">qi")
"""Base offset and length, which no check sum covers; the broker writes them."""


class UnreadableRecord:
    """Stands for a batch; what the library asks of a record.

    ``checksum`` says why it cannot be read: records of the present format have none there,
    so no sender can pretend to it.
    """

    timestamp_type = 0
    key = None
    headers: tuple[()] = ()

    def __init__(self, offset: int, raw: bytes, trouble: str) -> None:
        self.offset = offset
        self.timestamp = 0
        self.value = raw[:_KEPT_BYTES]
        self.size_in_bytes = len(raw)
        self.checksum = trouble

    def validate_crc(self) -> bool:
        """Nothing is left to check."""
        return True


class Batch:
    """One batch of the library's, which iterates over its records or over the one that stands for it.

    ``last`` is its last offset, as far as that is known.
    """

    def __init__(self, batch: Any, raw: bytes, reached: int, following: int | None) -> None:
        self._batch = batch
        self._raw = raw
        self._sound = _is_sound(batch)
        self.last_offset = batch.last_offset if self._sound else max(_last(batch, following), reached)
        self.next_offset = self.last_offset + 1
        self.is_control_batch = self._sound and batch.is_control_batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def validate_crc(self) -> bool:
        """Done before; a batch without a right check sum is told as a record."""
        return True

    def has_producer_id(self) -> bool:
        """Whether what it says of its producer can be believed, and is something."""
        return bool(self._sound and self._batch.has_producer_id())

    def __next__(self) -> Any:
        """The one record of a control batch; None when it cannot be read."""
        try:
            return next(self._batch)
        except Exception as error:
            log.warning("a control batch at %d cannot be read: %s", self._batch.base_offset, error)
            return None

    def __iter__(self) -> Iterator[Any]:
        if not self._sound:
            return iter([self._unreadable("its check sum is wrong")])
        try:
            _open(self._batch)
            return iter(list(self._batch))
        except Exception as error:
            return iter([self._unreadable(str(error))])

    def _unreadable(self, why: str) -> UnreadableRecord:
        first, last = self._batch.base_offset, self.last_offset
        trouble = f"offsets {first} to {last}, {len(self._raw)} bytes: {why}"
        log.error("a batch cannot be read, %s", trouble)
        return UnreadableRecord(last, self._raw, trouble)


class _Torn:
    """A piece that is too short for a batch; what follows it is asked for again."""

    magic = 2
    leader_epoch = -1
    is_transactional = False

    def __init__(self, raw: bytes) -> None:
        self.base_offset = _HEAD.unpack_from(raw)[0]

    def validate_crc(self) -> bool:
        """There is none."""
        return False


class Batches:
    """The batches of one fetch; see :class:`Batch`. ``reached`` is the offset that was asked for."""

    def __init__(self, records: Any, reached: int) -> None:
        self._records = records
        self._reached = reached
        self._torn = False

    def next_batch(self) -> Batch | None:
        """The next one, None at the end: a rest that holds no batch is asked for again."""
        raw = self._slice()
        if raw is None:
            return None
        try:
            batch, following = self._records.next_batch(), self._slice()
        except Exception as error:
            log.warning("a fetch cannot be cut into batches: %s", error)
            self._torn = True
            return Batch(_Torn(raw), raw, self._reached, None)
        return Batch(batch, raw, self._reached, None if following is None else _HEAD.unpack_from(following)[0])

    def _slice(self) -> bytes | None:
        found = None if self._torn else self._records._next_slice  # noqa: SLF001  the library cuts one batch ahead
        return None if found is None else bytes(found)


class _Records(Fetcher.PartitionRecords):  # type: ignore[misc]
    def _unpack_records(self, tp: Any, records: Any, *deserializers: Any) -> Any:
        return super()._unpack_records(tp, Batches(records, self.fetch_offset), *deserializers)


def tolerate(consumer: Any) -> None:
    """Have ``consumer`` read on behind batches that cannot be read."""
    consumer._fetcher.PartitionRecords = _Records  # noqa: SLF001  the one place where it opens batches


def trouble_of(record: Any) -> str:
    """Why the batch that ``record`` stands for cannot be read; empty for a record of a sender's."""
    return record.checksum if isinstance(record.checksum, str) else ""


def _is_sound(batch: Any) -> bool:
    try:
        return bool(batch.validate_crc())
    except Exception as error:
        log.debug("a check sum cannot be computed: %s", error)
        return False


def _last(batch: Any, following: int | None) -> int:
    """The last offset of a batch whose own word on it may be wrong; its first where nothing vouches for more."""
    if following is not None and following > batch.base_offset:
        return following - 1
    told = getattr(batch, "last_offset_delta", 0)
    return int(batch.base_offset) + (told if 0 <= told == getattr(batch, "records_count", 0) - 1 else 0)


def _open(batch: Any) -> None:
    """Inflate the batch ourselves, within the bound."""
    codec = batch.compression_type
    if not codec or batch.magic < _BATCHES_SINCE:
        return
    inflated = inflate(codec, bytes(memoryview(batch._buffer)[batch._pos :]), INFLATED_MOST)  # noqa: SLF001
    batch._buffer, batch._pos, batch._decompressed = bytearray(inflated), 0, True  # noqa: SLF001
