"""Record batches changed on a broker's disk: what a broken disk, sender or library leaves in a log."""

import struct
from collections.abc import Callable
from pathlib import Path

import crc32c

Change = Callable[[bytearray], None]
"""Changes a whole batch in place, its size included if it likes; the check sum is made right again afterwards."""

_PLACE = struct.Struct(">qi")
_CRC_AT, _COVERED_FROM = 17, 21
ATTRIBUTES_AT, COUNT_AT, RECORDS_AT = 21, 57, 61


def change_batch(folder: Path, topic: str, offset: int, change: Change, *, right_sum: bool = True) -> None:
    """Change the batch of partition 0 that holds `offset`; the broker must be stopped."""
    (segment,) = (folder / "data" / f"{topic}-0").glob("*.log")
    data, at = segment.read_bytes(), 0
    found = -1
    while at < len(data):
        base, length = _PLACE.unpack_from(data, at)
        if base > offset:
            break
        found, size = at, _PLACE.size + length
        at += size
    base, length = _PLACE.unpack_from(data, found)
    batch = bytearray(data[found : found + _PLACE.size + length])
    change(batch)
    if right_sum:
        struct.pack_into(">I", batch, _CRC_AT, crc32c.crc32c(bytes(batch[_COVERED_FROM:])))
    assert len(batch) == _PLACE.size + length
    segment.write_bytes(data[:found] + batch + data[found + len(batch) :])
