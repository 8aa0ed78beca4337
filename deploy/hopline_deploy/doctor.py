"""``hopline doctor``: looks at each part and says in one line how it is and what would help."""

import email.utils
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Final

from hopline_collector.store.errors import StoreError
from hopline_collector.store.migrate import current_version, migrations
from hopline_deploy import ports
from hopline_deploy.compose import open_store
from hopline_deploy.settings import Settings

CLOCK_TOLERANCE_SECONDS: Final = 2.0
_TIMEOUT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part is."""

    part: str
    ok: bool
    says: str
    advice: str = ""


def examine(settings: Settings, server: str) -> Iterator[Finding]:
    """One finding per part, in the order in which they depend on each other."""
    wanted = (settings.port, settings.otlp_port, settings.otlp_grpc_port)
    yield from (_port(settings.listen_host, port, server) for port in wanted if port)
    yield _store(settings)
    if settings.kafka:
        yield _broker(settings.kafka, settings.kafka_client_options())
    yield _server(server)


def _port(host: str, port: int, server: str) -> Finding:
    part = f"port {port}"
    if ports.is_free(host, port):
        return Finding(part, ok=True, says="free")
    holder = ports.holder(port)
    by = f"held by process {holder}" if holder else "held"
    if _answers(server):
        return Finding(part, ok=True, says=f"{by}; Hopline answers at {server}")
    return Finding(part, ok=False, says=by, advice=f"end process {holder}, or choose another port with --port")


def _store(settings: Settings) -> Finding:
    place = settings.clickhouse.rpartition("@")[2] or settings.data
    store = open_store(settings)
    try:
        store.check()
        version, newest = current_version(store), max(m.version for m in migrations(store.settings))
        detached = store.detached_parts()
    except StoreError as error:
        return Finding("store", ok=False, says=f"{place}: {error}", advice="start ClickHouse, or free the folder")
    finally:
        store.close()
    if version < newest:
        behind = f"{place}: schema {version} of {newest}"
        return Finding("store", ok=False, says=behind, advice="run hopline migrate, or start a collector")
    if detached:
        broken = f"{place}: {detached} parts were set aside as broken"
        return Finding("store", ok=False, says=broken, advice="see system.detached_parts; their rows are missing")
    return Finding("store", ok=True, says=f"{place}: schema {version}")


def _broker(servers: str, options: Mapping[str, str]) -> Finding:
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        admin = KafkaAdminClient(
            bootstrap_servers=servers.split(","), bootstrap_timeout_ms=_TIMEOUT_SECONDS * 1000, **options
        )
        topics = admin.list_topics()
        admin.close()
    except (KafkaError, OSError) as error:
        return Finding("broker", ok=False, says=f"{servers}: {error}", advice="start Kafka, or correct --kafka")
    if "hopline.spans" not in topics:
        missing = f"{servers}: topic hopline.spans is not there"
        return Finding("broker", ok=False, says=missing, advice="start a collector: it creates the topic")
    return Finding("broker", ok=True, says=f"{servers}: {len(topics)} topics")


def _server(server: str) -> Finding:
    """Whether a running Hopline answers, and how far its clock is from ours."""
    try:
        with _open(server) as answer:
            there = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (OSError, TypeError, ValueError) as error:
        return Finding("server", ok=False, says=f"{server}: {error}", advice="run hopline up, or name it with --server")
    # The header has whole seconds.
    skew = there + 0.5 - time.time()
    if abs(skew) > CLOCK_TOLERANCE_SECONDS:
        return Finding(
            "clock", ok=False, says=f"{server} is {skew:+.0f} s from here", advice="run NTP on both machines"
        )
    return Finding("server", ok=True, says=f"{server} answers; clocks agree")


def _open(server: str) -> HTTPResponse:
    address = f"{server}/health/live"
    answer: HTTPResponse = urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS)  # noqa: S310 (the user's own)
    return answer


def _answers(server: str) -> bool:
    try:
        with _open(server):
            return True
    except (OSError, ValueError):
        return False
