"""Blocks built and inserted in a process of its own, without broker and hand-over.

``python ingest_insert.py views|bare FOLDER BLOCKS_FILE SPANS NOW FSYNC``: prints a line of JSON when every
block is in, stays until its input ends, then prints the sizes of the tables. ``views`` inserts into ``ingest``
with every view behind it, ``bare`` into a copy of table ``spans`` (its partitions, order and indexes) and nothing else.
``python ingest_insert.py sizes FOLDER`` prints the sizes alone.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from ingest_collector import Phases, blocks_of
from ingest_messages import messages

from hopline_collector.block.core import INGEST_COLUMNS
from hopline_collector.handover import consumer
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_collector.store.writer import ClickHouseWriter


class BareWriter(ClickHouseWriter):
    """Writes what ``spans`` would hold into a table that feeds no other."""

    def write(self, block: Any, token: str) -> None:
        self._store.insert("bare", {name: block.columns[name] for name in INGEST_COLUMNS if name != "keep"}, token)


def insert(kind: str, store: ClickHouse, blocks: list[tuple[int, int, int]], spans: int, now: int) -> None:
    """Insert; what it took to build the blocks is told apart."""
    migrate(store)
    with store.writer() as handle:
        handle.command("CREATE TABLE hopline.bare AS hopline.spans")
    writer = ClickHouseWriter(store) if kind == "views" else BareWriter(store)
    phases = Phases()
    phases.watch_building()
    found = list(blocks_of(messages(spans, now), blocks))
    _wait("ready")
    wall = 0.0
    for number, waiting in enumerate(found):
        block = consumer.build_block(waiting, Plan(waiting[0].offset, waiting[-1].offset + 1, now))
        begin = time.monotonic()
        writer.write(block, str(number))
        wall += time.monotonic() - begin
    _wait(json.dumps({"wall": wall, "phases": phases.seconds}))


def sizes(store: ClickHouse) -> dict[str, tuple[int, int, int]]:
    """table -> (parts, rows, bytes on disk), largest first."""
    with store.writer() as handle:
        found = handle.query(
            "SELECT table, count(), sum(rows), sum(bytes_on_disk) FROM system.parts"
            " WHERE active AND database = 'hopline' GROUP BY table ORDER BY 4 DESC"
        ).result_rows
    return {table: (parts, rows, size) for table, parts, rows, size in found}


def _wait(text: str) -> None:
    print(text, flush=True)
    sys.stdin.readline()


def main(kind: str, folder: str, *rest: str) -> None:
    store = ClickHouse(StoreSettings(path=folder, fsync=rest[3:] == ("1",)))
    if kind != "sizes":
        insert(kind, store, json.loads(Path(rest[0]).read_text()), int(rest[1]), int(rest[2]))
    print(json.dumps(sizes(store)), flush=True)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
