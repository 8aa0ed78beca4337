"""A collector as a process of its own, to be killed: ``python collector_process.py SETTINGS_AS_JSON``.

Settings: ``path`` or ``url`` of the store, ``database``, ``cluster``, ``replicated``, ``journal`` (folder), ``data``
(folder of what it notes), ``kafka`` (address), ``topics`` (topic -> format), ``group``, ``instance``, ``port``,
``block_rows``, ``block_seconds``, ``free_disk_bytes``, ``die_at`` and ``freeze_at`` (a step), ``abort_on``,
``abort_on_insert`` and ``spoil`` (text in messages; see `dying`). Beside the collector's routes
``/slow`` is a query that runs until it is stopped, and ``/running`` tells how many of it do.
"""

import json
import logging
import signal
import sys
from pathlib import Path
from types import FrameType

import uvicorn
from dying import abort_on, abort_on_insert, die_at, freeze_at, spoil
from fastapi import FastAPI

from hopline_collector.handover.consumer import HandOverSettings
from hopline_collector.process import Collector, CollectorSettings
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings


def main() -> None:
    wanted = json.loads(sys.argv[1])
    for prepare in (die_at, freeze_at, abort_on, abort_on_insert, spoil):
        if wanted.get(prepare.__name__):
            prepare(wanted[prepare.__name__])
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    store = ClickHouse(
        StoreSettings(
            path=wanted.get("path", ""),
            url=wanted.get("url", ""),
            database=wanted.get("database", "hopline"),
            cluster=wanted.get("cluster", ""),
            replicated=wanted.get("replicated", True),
            fsync=wanted.get("fsync", False),
            free_disk_bytes=wanted.get("free_disk_bytes", 1_000_000_000),
        )
    )
    settings = CollectorSettings(
        data=Path(wanted["data"]),
        journal=Path(wanted["journal"]) if wanted.get("journal") else None,
        kafka=wanted.get("kafka", ""),
        topics=wanted.get("topics", {"hopline.spans": "native"}),
        group=wanted.get("group", "hopline"),
        instance=wanted.get("instance", ""),
        hand_over=HandOverSettings(
            block_rows=wanted.get("block_rows", 20_000),
            block_seconds=wanted.get("block_seconds", 1.0),
            collector=str(wanted["port"]),
        ),
    )
    collector = Collector(store, settings)
    app = FastAPI()
    app.include_router(collector.router)

    @app.get("/slow")
    def slow() -> None:
        with store.reader() as handle:
            handle.query("SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 7")

    @app.get("/running")
    def running() -> int:
        with store.reader() as handle:
            found = handle.query("SELECT count() FROM system.processes WHERE query LIKE 'SELECT count() FROM numbers%'")
        return int(found.result_rows[0][0])

    server = uvicorn.Server(
        uvicorn.Config(app, port=wanted["port"], log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    )

    def leave(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    collector.start()
    signal.signal(signal.SIGTERM, leave)
    server.run()
    collector.stop()
    store.close()


if __name__ == "__main__":
    main()
