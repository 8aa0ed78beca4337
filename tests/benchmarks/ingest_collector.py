"""A collector that tells where its time goes: ``python ingest_collector.py SETTINGS_AS_JSON``.

The settings are those of ``tests/faults/collector_process.py``, and three files: it makes ``here``
when the first messages have come, waits for ``go``, and writes ``done`` when ``spans`` rows are stored.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.transform import NativeTransform

from hopline_collector.block import core
from hopline_collector.handover import consumer
from hopline_collector.handover.consumer import HandOver
from hopline_collector.sources.kafka_log import KafkaSource
from hopline_collector.sources.source import Arrived
from hopline_collector.store.writer import ClickHouseWriter

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))


class Phases:
    """Seconds of CPU by phase, of whichever thread calls it; what a phase calls is its own phase's."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._thread = threading.local()

    def timed(self, phase: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """``work``, with its time counted under ``phase``."""

        def measured(*arguments: Any, **named: Any) -> Any:
            outer, self._thread.inner = getattr(self._thread, "inner", 0.0), 0.0
            begin = time.thread_time()
            try:
                return work(*arguments, **named)
            finally:
                spent = time.thread_time() - begin
                self.seconds[phase] += spent - self._thread.inner
                self._thread.inner = outer + spent

        return measured

    def watch_building(self) -> None:
        """Decoding, building and encoding, wherever they are called from."""
        core.DECODERS["native"] = self.timed("decode", core.DECODERS["native"])  # type: ignore[index]
        consumer.build_block = self.timed("build", consumer.build_block)
        encode = NativeTransform.build_insert
        at_once = self.timed("encode", lambda *arguments: list(encode(*arguments)))
        NativeTransform.build_insert = staticmethod(lambda *arguments: iter(at_once(*arguments)))  # type: ignore[assignment]


class Watched:
    """Notes the blocks of one collector, from the first messages on."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self._here, self._go, self._done = (Path(wanted[name]) for name in ("here", "go", "done"))
        self._left = wanted["spans"]
        self._blocks: list[tuple[int, int, int]] = []
        self._began = 0.0
        self.phases = Phases()

    def install(self) -> None:
        """Put the watch where the collector passes."""
        self.phases.watch_building()
        KafkaSource.poll = self._gate(self.phases.timed("fetch", KafkaSource.poll))  # type: ignore[method-assign]
        KafkaSource.commit = self.phases.timed("commit", KafkaSource.commit)  # type: ignore[method-assign]
        ClickHouseWriter.account = self._noted(ClickHouseWriter.account)  # type: ignore[method-assign]
        HandOver._finish = self._counted(HandOver._finish)  # type: ignore[method-assign]

    def _gate(self, poll: Callable[..., Any]) -> Callable[..., Any]:
        def gated(*arguments: Any) -> Any:
            events = poll(*arguments)
            if not self._began and any(isinstance(event, Arrived) for event in events):
                self._here.touch()
                while not self._go.exists():
                    time.sleep(0.01)
                self._began = time.monotonic()
            return events

        return gated

    def _noted(self, account: Callable[..., None]) -> Callable[..., None]:
        def noted(writer: Any, entry: Any, block: Any, token: str) -> None:
            account(writer, entry, block, token)
            self._blocks.append((entry.partition, entry.start, entry.end))

        return noted

    def _counted(self, finish: Callable[..., None]) -> Callable[..., None]:
        def counted(line: Any, lane: Any, *arguments: Any) -> None:
            rows = lane.block.rows
            finish(line, lane, *arguments)
            self._left -= rows
            if self._left <= 0 < self._left + rows:
                found = {"wall": time.monotonic() - self._began, "phases": self.phases.seconds, "blocks": self._blocks}
                part = self._done.with_suffix(".part")
                part.write_text(json.dumps(found))
                part.rename(self._done)

        return counted


def blocks_of(bodies: Iterable[tuple[int, bytes]], blocks: list[tuple[int, int, int]]) -> Iterator[list[core.Message]]:
    """The messages of each block, by the partition and offsets that were noted."""
    logs: dict[int, list[core.Message]] = {}
    for partition, body in bodies:
        log = logs.setdefault(partition, [])
        log.append(core.Message(len(log), "native", body))
    for partition, start, end in blocks:
        yield logs[partition][start:end]


if __name__ == "__main__":
    Watched(json.loads(sys.argv[1])).install()
    from collector_process import main

    main()
