"""The collector as a part of a process: starts and stops what receives and hands over."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, generate_latest
from starlette.responses import Response

from hopline_collector import health
from hopline_collector.audit import AUDIT_FILE, Audit
from hopline_collector.chores import announced, books
from hopline_collector.chores.announced import Notice
from hopline_collector.chores.backup import Backups
from hopline_collector.chores.housekeeping import Chore, Housekeeper
from hopline_collector.chores.retention import RetentionSettings
from hopline_collector.chores.thinning import ThinningSettings
from hopline_collector.door import backups_api, dead_letters_api, erasures_api, ledger_api, receivers, retention_api
from hopline_collector.door.batch_log import BatchLog
from hopline_collector.door.intake import Intake, JournalIntake, KafkaIntake
from hopline_collector.door.otlp_grpc import GrpcSettings, OtlpGrpcServer
from hopline_collector.door.own_services import OwnServicesIntake
from hopline_collector.erasure.jobs import Erasures
from hopline_collector.handover import ages, watchdog
from hopline_collector.handover.ages import Age
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.inserts import InsertThread
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.metrics import Gauges, Metrics
from hopline_collector.rules.rule_book import RuleBook
from hopline_collector.rules.rules import ALL
from hopline_collector.sources import topics
from hopline_collector.sources.journal import FILE, Journal
from hopline_collector.sources.source import Source
from hopline_collector.sources.topics import TOPIC_FORMATS
from hopline_collector.store import checks
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError
from hopline_collector.store.migrate import check_version, migrate
from hopline_collector.store.snapshots import ClickHouseSnapshots
from hopline_collector.store.writer import ClickHouseWriter

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
_BOOKS_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """What a collector reads and how. Give ``journal``, ``kafka`` or both."""

    journal: Path | None = None
    """Folder of the local journal, which then takes what is posted; None = posts go to Kafka."""
    journal_bytes: int = 1_000_000_000
    kafka: str = ""
    """``host:port,host:port``; empty = no broker."""
    kafka_options: Mapping[str, Any] = field(default_factory=dict)
    group: str = "hopline"
    instance: str = ""
    """Static member name, the same after a restart; empty = a new member each time."""
    topics: Mapping[str, str] = field(default_factory=lambda: dict(TOPIC_FORMATS))
    """Topic -> format."""
    partitions: int = 2
    """Of topics that have to be created."""
    replicas: int = 0
    """Of those; 0 = as many as there are brokers, three at most."""
    fsync: bool = False
    require_kafka: bool = False
    """Not ready while the broker is away."""
    watchdog_seconds: float = 120.0
    """How long messages may wait with nothing moving before the process gives up, to be started anew."""
    keep: float | None = None
    """Share of all traces to keep, 0 to 1, set when the collector starts; None = leave it as it is."""
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    thinning: ThinningSettings = field(default_factory=ThinningSettings)
    hand_over: HandOverSettings = field(default_factory=HandOverSettings)
    data: Path = Path("hopline-data")
    """Folder of what this process keeps for itself: erasures under way, the audit log."""


class Collector:
    """Receives, hands over and tells how it is. The store belongs to the caller.

    ``beside`` says what else of the process is unwell; it must not wait.
    """

    def __init__(
        self,
        store: ClickHouse,
        settings: CollectorSettings,
        registry: CollectorRegistry | None = None,
        chores: Sequence[Chore] = (),
        beside: health.Check = dict,
    ) -> None:
        self.metrics = Metrics(registry)
        self._store = store
        self._settings = settings
        self._chores = chores
        self._beside = beside
        self._stop = threading.Event()
        self._migrated = threading.Event()
        self._schema_trouble = "the schema is not there yet"
        self._books_at_us = 0
        self._threads: list[threading.Thread] = []
        share = None if settings.keep is None else round(settings.keep * ALL)
        self._rules = RuleBook(ClickHouseSnapshots(store), share)
        self._lines: dict[str, HandOver] = {}
        self._journal: Journal | None = None
        self._intake: Intake
        if settings.journal is not None:
            self._journal = Journal(settings.journal / FILE, max_bytes=settings.journal_bytes, fsync=settings.fsync)
            self._intake = JournalIntake(self._journal)
        else:
            batches = BatchLog(self._servers(), settings.kafka_options, replicas=settings.replicas)
            self._intake = KafkaIntake(self._servers(), settings.topics, settings.kafka_options, batches)
        self._door = OwnServicesIntake(self._intake)
        self.audit = Audit(settings.data / AUDIT_FILE)
        self._erasures = Erasures(store, settings.data / "erasures", self._journal, self.audit)
        self.metrics.registry.register(self._gauges())
        self.router = self._routes()

    def start(self) -> None:
        """Start the threads. Never waits, and never fails because broker or store is away."""
        self._thread("migrate", self._migrate)
        self._thread("watchdog", self._watch)
        self._thread("housekeeping", self._keep_house)
        self._thread("erasure", self._erase)
        if self._journal is not None:
            journal = self._journal
            self._thread("journal", lambda: self._hand_over("journal", lambda: journal))
        if self._settings.kafka:
            self._thread("topics", self._create_topics)
            self._thread("kafka", lambda: self._hand_over("kafka", self._kafka_source))

    def stop(self, timeout: float = 7.0) -> None:
        """Finish or abandon what is under way, and let go of journal and broker."""
        self._stop.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        if self._journal is not None:
            self._journal.close()
        if isinstance(self._intake, KafkaIntake):
            self._intake.close()

    def grpc_server(self, settings: GrpcSettings) -> OtlpGrpcServer:
        """OTLP over gRPC into this collector, not started yet."""
        return OtlpGrpcServer(self._door, self.metrics, settings)

    def alive(self) -> bool:
        """Whether every thread that should run does."""
        return all(t.is_alive() for t in self._threads if t.name in {"hopline-journal-in", "hopline-kafka-in"})

    def check(self) -> dict[str, str]:
        """What stands in the way, by part; empty when all is well."""
        return self._check_store() | self.check_lines()

    def _check_store(self) -> dict[str, str]:
        troubles: dict[str, str] = {}
        try:
            self._store.check()
        except StoreError as error:
            troubles["store"] = str(error)
        else:
            if not self._migrated.is_set():
                troubles["store"] = self._schema_trouble
            elif broken := self._detached_parts():
                troubles["detached_parts"] = _set_aside(broken)
        return troubles

    def check_lines(self) -> dict[str, str]:
        """What stands in the way of each hand-over, by source; asks nobody, so that nothing can keep it waiting."""
        troubles: dict[str, str] = {}
        if self._settings.kafka and "kafka" not in self._lines:
            troubles["kafka"] = "not connected yet"
        for name, line in list(self._lines.items()):
            lanes = list(line.lanes.values())
            stuck = [hung] if (hung := ages.hang(line.polled_at, lanes, time.monotonic())) else []
            stuck += [line.trouble] if line.trouble else []
            stuck += [f"{lane.key.topic}/{lane.key.number}: {lane.trouble}" for lane in lanes if lane.trouble]
            if stuck:
                troubles[name] = "; ".join(stuck)
            elif not lanes:
                troubles[name] = "no partition is assigned"
        return troubles

    def behind_us(self) -> int | None:
        """How old the oldest message is that is not handed over yet; None while nothing is read."""
        ages = [line.behind_us() for line in list(self._lines.values())]
        known = [age for age in ages if age is not None]
        return max(known) if known else None

    # -- threads

    def _thread(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"hopline-{name}-in", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _watch(self) -> None:
        watchdog.watch(
            lambda: list(self._lines.values()), self._settings.watchdog_seconds, self._stop, watchdog.dump_and_exit
        )

    def _keep_house(self) -> None:
        while not self._migrated.wait(0.1):
            if self._stop.is_set():
                return
        settings = self._settings
        chores = (*self._chores, self._look_through_books)
        notice = Notice(settings.data / announced.FILE)
        Housekeeper(
            self._store, settings.retention, settings.thinning, more=chores, record=self.audit.write, notice=notice
        ).run(self._stop)

    def _look_through_books(self, store: ClickHouse, now_us: int) -> None:
        """Once an hour: it reads the whole ledger."""
        if now_us >= self._books_at_us:
            self._books_at_us = now_us + _BOOKS_US
            self.metrics.flaws(books.look(store).kinds())

    def _erase(self) -> None:
        while not self._migrated.wait(0.1):
            if self._stop.is_set():
                return
        self._erasures.work(self._stop)

    def _migrate(self) -> None:
        while not self._stop.is_set():
            try:
                self._prepare_schema()
                if broken := self._detached_parts():
                    log.error("%s", _set_aside(broken))
                self._migrated.set()
            except Exception as error:
                if self._schema_trouble != str(error):
                    log.warning("the store cannot be used yet: %s", error)
                self._schema_trouble = str(error)
                self._stop.wait(_RETRY_SECONDS)
            else:
                return

    def _prepare_schema(self) -> None:
        """Check the store; make or update its tables, but on a cluster, where `hopline migrate` alone does that.

        There one server that is away would keep every collector from starting.
        """
        checks.check(self._store)
        if self._store.settings.cluster:
            check_version(self._store)
            return
        for migration in migrate(self._store):
            log.info("applied migration %d %s", migration.version, migration.name)

    def _hand_over(self, name: str, connect: Callable[[], Source]) -> None:
        while not self._migrated.wait(0.1):
            if self._stop.is_set():
                return
        writer = ClickHouseWriter(self._store)
        while not self._stop.is_set():
            try:
                source = connect()
            except Exception as error:
                log.warning("%s is not there: %s", name, error)
                self._stop.wait(_RETRY_SECONDS)
                continue
            inserts = InsertThread(f"hopline-{name}-insert")
            line = HandOver(
                source, writer, self._settings.hand_over, rules=self._rules, observe=self._observe, inserts=inserts
            )
            self._lines[name] = line
            line.run(self._stop)
            inserts.close()
            if source is not self._journal:
                source.close()

    def _observe(self, entry: LedgerEntry) -> None:
        self.metrics.observe(entry)

    # -- Kafka

    def _servers(self) -> tuple[str, ...]:
        return tuple(filter(None, (part.strip() for part in self._settings.kafka.split(","))))

    def _kafka_source(self) -> Source:
        # The client library takes long to load, and only this needs it.
        from hopline_collector.sources.kafka_log import KafkaSettings, KafkaSource

        settings = self._settings
        return KafkaSource(
            KafkaSettings(
                self._servers(), settings.group, settings.topics, settings.instance, options=settings.kafka_options
            )
        )

    def _create_topics(self) -> None:
        """Create the topics that are not there; the broker may come later."""
        while not self._stop.is_set():
            try:
                topics.create(
                    self._servers(),
                    self._settings.topics,
                    self._settings.partitions,
                    self._settings.replicas,
                    self._settings.kafka_options,
                )
            except Exception as error:
                log.warning("topics could not be created: %s", error)
                self._stop.wait(_RETRY_SECONDS)
            else:
                return

    # -- what is shown

    def _gauges(self) -> Gauges:
        journal, most = self._journal, self._settings.journal_bytes
        held = None if journal is None else lambda: (journal.waiting_bytes, most)
        asked = self._lag, self._ledger_sums, self._detached_parts, self._ages
        return Gauges(*asked, behind_us=self.behind_us, journal_bytes=held)

    def _lag(self) -> Mapping[tuple[str, str, int], int]:
        found = {}
        for name, line in list(self._lines.items()):
            for lane in list(line.lanes.values()):
                found[name, lane.key.topic, lane.key.number] = line.behind(lane)
        return found

    def _ages(self) -> Iterator[tuple[str, Age]]:
        for name, line in list(self._lines.items()):
            for age in ages.ages(list(line.lanes.values()), time.monotonic()):
                yield name, age

    def _detached_parts(self) -> int | None:
        try:
            return self._store.detached_parts()
        except Exception as error:
            log.debug("no count of parts set aside: %s", error)
            return None

    def _ledger_sums(self) -> Mapping[str, int]:
        try:
            return books.sums(self._store)
        except Exception as error:
            log.debug("no ledger sums: %s", error)
            return {}

    def _routes(self) -> APIRouter:
        router = receivers.create_router(self._door, self.metrics)
        router.include_router(dead_letters_api.create_router(self._store, self._intake, self.audit.write))
        router.include_router(ledger_api.create_router(self._store))
        notice = Notice(self._settings.data / announced.FILE)
        retention = self._settings.retention
        router.include_router(retention_api.create_router(self._store, retention, self.audit.write, notice=notice))
        router.include_router(erasures_api.create_router(self._erasures))
        router.include_router(backups_api.create_router(Backups(self._store)))

        fatal = {"store", "kafka"} if self._settings.require_kafka else {"store"}
        health.add_routes(
            router, self._check_store, fatal, self.alive, lambda: {**self.check_lines(), **self._beside()}
        )

        def metrics() -> Response:
            return Response(generate_latest(self.metrics.registry), media_type="text/plain; version=0.0.4")

        for path in ("/metrics", "/prometheus"):
            router.add_api_route(path, metrics, include_in_schema=False, response_model=None)
        return router


def _set_aside(parts: int) -> str:
    return f"{parts} parts were set aside as broken, their rows are missing: see system.detached_parts"
