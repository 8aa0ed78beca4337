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
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from hopline import __version__
from hopline_collector.consumer import HandOverSettings
from hopline_collector.process import Collector, CollectorSettings
from hopline_collector.receivers_grpc import GrpcSettings
from hopline_collector.rules import ALL
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import StoreError
from hopline_collector.store.retention import RetentionSettings
from hopline_collector.store.thinning import ThinningSettings
from hopline_deploy import access
from hopline_deploy.access import AccessMiddleware
from hopline_deploy.base_path import BasePathMiddleware
from hopline_deploy.server import grpc_address
from hopline_deploy.settings import Role, Settings

_ENGINE_FOLDER: Final = "clickhouse"
_JOURNAL_FOLDER: Final = "journal"


def open_store(settings: Settings) -> ClickHouse:
    """The store of the settings; it connects on first use."""
    path = "" if settings.clickhouse else str(Path(settings.data).absolute() / _ENGINE_FOLDER)
    return ClickHouse(
        StoreSettings(
            path=path,
            url=settings.clickhouse,
            database=settings.database,
            cluster=settings.cluster,
            fsync=settings.fsync,
        )
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process is made of: its routes, and what begins and ends with it, in order."""

    routers: list[APIRouter] = field(default_factory=list)
    starts: list[Callable[[], object]] = field(default_factory=list)
    ends: list[Callable[[float], None]] = field(default_factory=list)
    """Each is told how many seconds it may take."""
    end_s: float = 4.0
    """How long all of them may take together."""


def compose(role: Role, settings: Settings) -> ASGIApp:
    """The application of a process, under the base path and behind the tokens of the settings.

    Raises:
        StoreHeldError: another process owns the folder of the embedded engine.
        TokenError: the token file cannot be used.

    """
    app: ASGIApp = _application(gather(role, settings))
    if settings.tokens:
        app = AccessMiddleware(app, access.load(Path(settings.tokens)))
    return BasePathMiddleware(app, settings.base_path) if settings.base_path else app


def gather(role: Role, settings: Settings) -> Parts:
    """The parts of a process; nothing has started yet. Raises as `compose`."""
    store = open_store(settings)
    if not settings.clickhouse:
        # A folder is here or it is held; a server may come later.
        store.check()
    # Running requests have the other half (see `hopline_deploy.commands`).
    parts = Parts(end_s=settings.shutdown_s / 2)
    lag_us: Callable[[], int | None] = _unknown
    if role == "query":
        parts.routers.append(_health(store))
    else:
        collector = Collector(store, collector_settings(role, settings))
        parts.routers.append(collector.router)
        parts.starts.append(collector.start)
        if settings.otlp_grpc_port:
            grpc = collector.grpc_server(grpc_settings(settings))
            parts.starts.append(grpc.start)
            parts.ends.append(grpc.stop)
        parts.ends.append(collector.stop)
        lag_us = collector.behind_us
    if role != "collector":
        parts.routers.extend(_reading(store, settings, lag_us))
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
    for router in parts.routers:
        app.include_router(router)
    # A large trace is columns of numbers and shrinks tenfold.
    app.add_middleware(GZipMiddleware, minimum_size=2_048, compresslevel=5)
    return app


def retention(settings: Settings) -> RetentionSettings:
    """How long the store keeps what, by the settings."""
    return RetentionSettings(settings.span_days, settings.figure_days, settings.dead_letter_days)


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
    journal = None if role == "collector" and settings.kafka else Path(settings.data).absolute() / _JOURNAL_FOLDER
    member = settings.collector_id or f"{socket.gethostname()}:{settings.data}"
    return CollectorSettings(
        journal=journal,
        kafka=settings.kafka,
        kafka_options=settings.kafka_client_options(),
        group=settings.group,
        instance=member,
        partitions=settings.partitions,
        fsync=settings.fsync,
        require_kafka=role == "collector" and bool(settings.kafka),
        watchdog_seconds=settings.watchdog_s,
        keep=settings.keep,
        retention=retention(settings),
        thinning=thinning(settings),
        hand_over=HandOverSettings(collector=member),
    )


def grpc_settings(settings: Settings) -> GrpcSettings:
    """Where OTLP over gRPC listens, with the certificate and the tokens of the other doors. Raises TokenError."""
    tokens = access.load(Path(settings.tokens)) if settings.tokens else ()
    admit = access.writers_only(tokens) if tokens else None
    pem = None
    if settings.tls_cert:
        pem = Path(settings.tls_key).read_bytes(), Path(settings.tls_cert).read_bytes()
    address = grpc_address(settings.listen_host, settings.otlp_grpc_port)
    return GrpcSettings(address, pem) if admit is None else GrpcSettings(address, pem, admit)


def _unknown() -> int | None:
    """How far a collector is behind that runs elsewhere."""
    return None


def _reading(store: ClickHouse, settings: Settings, lag_us: Callable[[], int | None]) -> list[APIRouter]:
    """The query APIs (ours, Zipkin's, Jaeger's) and the pages over one query service."""
    from hopline_query.api import create_router as create_api
    from hopline_query.api import jaeger, zipkin
    from hopline_query.params import DAY_US, QuerySettings
    from hopline_query.service import QueryService
    from hopline_query.store.reader import ClickHouseReader
    from hopline_ui import UiSettings
    from hopline_ui import create_router as create_pages

    known = QuerySettings(retention_us=settings.span_days * DAY_US)
    service = QueryService(ClickHouseReader(store), lag_us=lag_us, settings=known)
    pages = create_pages(service, UiSettings(log_link=settings.log_link))
    return [create_api(service), zipkin.create_router(service), jaeger.create_router(service), pages]


def _health(store: ClickHouse) -> APIRouter:
    router = APIRouter()

    @router.get("/health/live", include_in_schema=False)
    def live() -> Response:
        return JSONResponse({"status": "up"})

    @router.get("/health/ready", include_in_schema=False)
    def ready() -> Response:
        try:
            store.check()
        except StoreError as error:
            return JSONResponse({"status": "down", "troubles": {"store": str(error)}}, 503)
        return JSONResponse({"status": "up", "troubles": {}})

    return router
