"""Which parts make up a process, and the order in which they start and end."""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from hopline import __version__
from hopline_collector import health
from hopline_collector.audit import AUDIT_FILE, Audit
from hopline_collector.chores.retention import RetentionSettings
from hopline_collector.chores.thinning import ThinningSettings
from hopline_collector.door.otlp_grpc import GrpcSettings
from hopline_collector.door.problems import add_handlers
from hopline_collector.door.refusals import Refusals
from hopline_collector.handover.consumer import HandOverSettings
from hopline_collector.process import Collector, CollectorSettings
from hopline_collector.process_metrics import process_registry
from hopline_collector.rules.rules import ALL
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import StoreError
from hopline_deploy import access
from hopline_deploy.access import AccessMiddleware, is_loopback
from hopline_deploy.base_path import BasePathMiddleware
from hopline_deploy.behind_proxy import ProxyMiddleware
from hopline_deploy.canary.own import doors, own_tokens
from hopline_deploy.canary.rounds import Canary, Doors
from hopline_deploy.manners import MannersMiddleware
from hopline_deploy.opening import JOURNAL_FOLDER, open_store
from hopline_deploy.origins import HostMiddleware, OriginMiddleware
from hopline_deploy.renewing import Certificate
from hopline_deploy.server import grpc_address
from hopline_deploy.settings import Role, Settings

_QUICK: Final = ("/health", "/metrics", "/static/")
"""Paths that ask the store nothing, or have a thread of their own for it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process is made of: its routes, and what begins and ends with it, in order."""

    routers: list[APIRouter] = field(default_factory=list)
    starts: list[Callable[[], object]] = field(default_factory=list)
    ends: list[Callable[[float], None]] = field(default_factory=list)
    """Each is told how many seconds it may take."""
    end_s: float = 4.0
    """How long all of them may take together."""
    refused: access.Note = access.nothing
    """Told of each request that is refused for its token."""


def compose(role: Role, settings: Settings, port: int = 0) -> ASGIApp:
    """The application of a process, under the base path and behind the tokens of the settings.

    `port` is where it listens, where that is not the port of the settings.

    Raises:
        StoreHeldError: another process owns the folder of the embedded engine.
        TokenError: the token file cannot be used.

    """
    keys, lines = own_tokens() if settings.tokens and settings.runs_canary() else ({}, ())
    parts = gather(role, settings, lambda: doors(settings, port or settings.port, keys))
    app: ASGIApp = _application(parts)
    if role != "collector":
        from hopline_query.api.patience import BudgetMiddleware

        limits = StoreSettings()
        app = BudgetMiddleware(app, limits.query_seconds, limits.readers, _QUICK)
    if settings.behind_proxy:
        app = ProxyMiddleware(app, settings.proxy_user_header, guarded=bool(settings.tokens))
    if settings.tokens:
        known = access.TokenFile(Path(settings.tokens))
        app = AccessMiddleware(app, lambda: (*known(), *lines), parts.refused)
    app = OriginMiddleware(app, settings.allow_origins)
    if is_loopback(settings.listen_host):
        app = HostMiddleware(app, (settings.listen_host, *settings.names()))
    app = MannersMiddleware(app)
    return BasePathMiddleware(app, settings.base_path) if settings.base_path else app


def gather(role: Role, settings: Settings, ways: Doors | None = None) -> Parts:
    """The parts of a process; nothing has started yet. `ways` are the canary's in and out. Raises as `compose`."""
    store = open_store(settings)
    if not settings.clickhouse:
        # A folder is here or it is held; a server may come later.
        store.check()
    # Running requests have the other half (see `hopline_deploy.commands`).
    data = Path(settings.data).absolute()
    registry = process_registry(store, data)
    refusals = Refusals(registry, Audit(data / AUDIT_FILE).write)
    parts = Parts(end_s=settings.shutdown_s / 2, refused=refusals.note)
    lag_us: Callable[[], int | None] = _unknown
    canary = None
    if ways and role != "collector" and settings.runs_canary():
        canary = Canary(ways, socket.gethostname(), settings.canary_s, registry)
        parts.starts.append(canary.start)
        parts.ends.append(canary.stop)
    beside = canary.troubles if canary else dict
    if role == "query":
        parts.routers.append(_health(store, beside))
    else:
        from hopline_query.store.settling import settle

        known = collector_settings(role, settings)
        collector = Collector(store, known, registry, chores=(settle,), beside=beside)
        parts.routers.append(collector.router)
        parts.starts.append(collector.start)
        if settings.otlp_grpc_port:
            grpc = collector.grpc_server(grpc_settings(settings, parts.refused))
            parts.starts.append(grpc.start)
            parts.ends.append(grpc.stop)
        parts.ends.append(collector.stop)
        lag_us = collector.behind_us
    if role != "collector":
        wrong_ways = canary.wrong_ways if canary else _unknown
        parts.routers.extend(_reading(store, settings, (lag_us, wrong_ways), parts, registry))
    parts.ends.append(lambda seconds: _let_go(store, seconds))
    return parts


def _let_go(store: ClickHouse, seconds: float) -> None:
    """Close the store; should a thread stay inside it, end here: what it was at is as safe as after SIGKILL."""
    if not store.close(seconds):
        logging.shutdown()
        os._exit(0)


def _application(parts: Parts) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for start in parts.starts:
            await asyncio.to_thread(start)
        try:
            yield
        finally:
            deadline = time.monotonic() + parts.end_s
            for number, end in enumerate(parts.ends, 1):
                left = max(deadline - time.monotonic(), 0.0)
                await asyncio.to_thread(end, left if number == len(parts.ends) else left / 2)

    app = FastAPI(
        title="Hopline",
        version=__version__,
        lifespan=lifespan,
        # The framework's own documentation pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    add_handlers(app)
    for router in parts.routers:
        app.include_router(router)
    # A large trace is columns of numbers and shrinks tenfold.
    app.add_middleware(GZipMiddleware, minimum_size=2_048, compresslevel=2)
    return app


def retention(settings: Settings) -> RetentionSettings:
    """How long the store keeps what, by the settings."""
    days = settings.span_days, settings.figure_days, settings.dead_letter_days
    return RetentionSettings(*days, settings.disk_share)


def thinning(settings: Settings) -> ThinningSettings:
    """Which traces of older days stay, by the settings."""
    return ThinningSettings(
        days=settings.thinning_days,
        slow_us=round(settings.thinning_slow_s * 1_000_000),
        share=round(settings.thinning_share * ALL),
        uids=settings.thinning_uids,
    )


def collector_settings(role: Role, settings: Settings) -> CollectorSettings:
    """What the collector of this process reads, keeps and drops, by the settings."""
    # With a broker, a collector of its own puts what is posted into Kafka too; alone it keeps a journal.
    journal = None if role == "collector" and settings.kafka else Path(settings.data).absolute() / JOURNAL_FOLDER
    member = settings.collector_id or f"{socket.gethostname()}:{settings.data}"
    return CollectorSettings(
        journal=journal,
        kafka=settings.kafka,
        kafka_options=settings.kafka_client_options(),
        group=settings.group,
        instance=member,
        topics=settings.topic_formats(),
        partitions=settings.partitions,
        replicas=settings.replication_factor,
        fsync=settings.fsync,
        require_kafka=role == "collector" and bool(settings.kafka),
        watchdog_seconds=settings.watchdog_s,
        keep=settings.keep,
        retention=retention(settings),
        thinning=thinning(settings),
        hand_over=HandOverSettings(collector=member, strict_trace_ids=settings.strict_trace_ids),
        data=Path(settings.data).absolute(),
    )


def grpc_settings(settings: Settings, refused: access.Note = access.nothing) -> GrpcSettings:
    """Where OTLP over gRPC listens, with the certificate and the tokens of the others. Raises TokenError, OSError."""
    admit = access.writers_only(access.TokenFile(Path(settings.tokens)), refused) if settings.tokens else None
    certificate = Certificate(settings.tls_cert, settings.tls_key).pair if settings.tls_cert else None
    address = grpc_address(settings.listen_host, settings.otlp_grpc_port)
    return GrpcSettings(address, certificate) if admit is None else GrpcSettings(address, certificate, admit)


def _unknown() -> int | None:
    """How far a collector is behind that runs elsewhere, and how a canary fares that does not run."""
    return None


def _reading(
    store: ClickHouse,
    settings: Settings,
    told: tuple[Callable[[], int | None], Callable[[], int | None]],
    parts: Parts,
    registry: CollectorRegistry,
) -> list[APIRouter]:
    """The query APIs (ours, Zipkin's, Jaeger's), pages and alerts; `parts` gets the thread that judges rules.

    `told` are what a collector and a canary of this process know: how far it is behind, how many ways are wrong.
    """
    from hopline_query.alerts.answers import Alerts
    from hopline_query.alerts.evaluator import Evaluator
    from hopline_query.alerts.ledger import Ledger
    from hopline_query.api import alerts, jaeger, metrics, zipkin
    from hopline_query.api import create_router as create_api
    from hopline_query.params import DAY_US, QuerySettings
    from hopline_query.service import QueryService
    from hopline_query.store.reader import ClickHouseReader
    from hopline_ui import UiSettings
    from hopline_ui import create_router as create_pages

    known = QuerySettings(
        retention_us=settings.span_days * DAY_US,
        figures_retention_us=settings.figure_days * DAY_US,
        strict_trace_ids=settings.strict_trace_ids,
    )
    lag_us, wrong_ways = told
    service = QueryService(ClickHouseReader(store), lag_us=lag_us, wrong_ways=wrong_ways, settings=known)
    shown = UiSettings(
        log_link=settings.log_link,
        tour=settings.tour,
        tag_columns=settings.tag_columns,
        warn_error_rate=settings.warn_error_rate,
        bad_error_rate=settings.bad_error_rate,
        attention_success=settings.attention_success,
        attention_slowdown=settings.attention_slowdown,
    )
    evaluator = None
    if settings.alerts:
        evaluator = Evaluator(service, Ledger(store), Path(settings.alerts), settings.public_url.rstrip("/"))
        parts.starts.append(evaluator.start)
        parts.ends.append(evaluator.stop)
    found = Alerts(service, evaluator)
    return [
        create_api(service),
        alerts.create_router(found),
        # A collector in this process has metrics of its own.
        metrics.create_router(service, evaluator, registry, alone=lag_us is _unknown),
        zipkin.create_router(service),
        jaeger.create_router(service),
        create_pages(service, shown, found),
    ]


def _health(store: ClickHouse, beside: health.Check) -> APIRouter:
    def check() -> dict[str, str]:
        try:
            store.check()
        except StoreError as error:
            return {"store": str(error)}
        return {}

    router = APIRouter()
    health.add_routes(router, check, {"store"}, lambda: True, beside)
    return router
