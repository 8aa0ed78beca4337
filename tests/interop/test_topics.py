"""The topics of other tracers, and posts of their clients, all the way into the tables and the map."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from kafka import KafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hopline_collector.formats.zipkin_protobuf import _List
from hopline_collector.process import Collector, CollectorSettings
from hopline_collector.store.clickhouse import ClickHouse
from hopline_deploy.broker import Broker
from support import wait_until
from support.ports import lasting_ports

NOW = time.time_ns() // 1_000
TRACE = "6921c0de0123456789abcdef01234567"


def zipkin_client(service: str = "web") -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "id": "0000000000000001",
        "kind": "CLIENT",
        "name": "get",
        "timestamp": NOW,
        "duration": 900,
        "localEndpoint": {"serviceName": service},
        "remoteEndpoint": {"serviceName": "somewhere"},
        "tags": {"user.id": "u-7"},
    }


def zipkin_server() -> bytes:
    span = {"trace_id": bytes.fromhex(TRACE), "id": b"\0" * 7 + b"\1", "kind": 2, "timestamp": NOW + 100}
    local = b"\x0a\x05users"
    return _List(spans=[{**span, "duration": 700, "local_endpoint": local, "shared": True}]).SerializeToString()


def otlp_server() -> bytes:
    request = ExportTraceServiceRequest()
    made = request.resource_spans.add()
    made.resource.attributes.add(key="service.name").value.string_value = "mail"
    span = made.scope_spans.add().spans.add(trace_id=bytes.fromhex(TRACE), span_id=b"\0" * 7 + b"\5", kind=2)
    span.parent_span_id = b"\0" * 7 + b"\1"
    span.start_time_unix_nano, span.end_time_unix_nano = (NOW + 200) * 1_000, (NOW + 400) * 1_000
    return bytes(request.SerializeToString())


def stored(store: ClickHouse) -> list[tuple[Any, ...]]:
    with store.reader() as handle:
        rows = handle.query(
            f'SELECT toString(service), toString(kind), id, parent_id, "foreign" FROM {store.database}.spans'
            " ORDER BY start_us"
        ).result_rows
    return [tuple(row) for row in rows]


def edges(store: ClickHouse) -> set[tuple[str, str, str]]:
    with store.reader() as handle:
        rows = handle.query(
            f"SELECT DISTINCT toString(caller), toString(callee), toString(side) FROM {store.database}.all_edges_1m"
        ).result_rows
    return {(caller, callee, side) for caller, callee, side in rows}


WANTED = [("web", "client", 1, 0, 1), ("users", "server", 1, 0, 1), ("mail", "server", 5, 1, 1)]
MAP = {("web", "users", "client"), ("web", "users", "server"), ("users", "mail", "server")}


def test_topics_reach_the_tables_and_the_map(
    engine: ClickHouse, kafka_broker: Broker, topic: Callable[..., str], tmp_path: Path
) -> None:
    """C4: Zipkin JSON and protobuf on one topic, OTLP on another; D1: their sides are paired."""
    zipkin, otlp = topic(), topic()
    topics = {zipkin: "zipkin", otlp: "otlp"}
    settings = CollectorSettings(data=tmp_path, kafka=kafka_broker.address, group=zipkin, topics=topics)
    collector = Collector(engine, settings)
    producer = KafkaProducer(bootstrap_servers=kafka_broker.address)
    sent = [
        producer.send(zipkin, json.dumps([zipkin_client()]).encode()),
        producer.send(zipkin, zipkin_server()),
        producer.send(otlp, otlp_server()),
        producer.send(otlp, b"no spans"),
    ]
    for future in sent:
        future.get(60)
    producer.close()
    collector.start()
    try:
        wait_until(lambda: stored(engine) == WANTED)
        wait_until(lambda: edges(engine) == MAP)
        with engine.reader() as handle:
            question = f"SELECT format, reason, raw FROM {engine.database}.dead_letters"
            wait_until(lambda: handle.query(question).result_rows == [("otlp", "malformed", "no spans")])
    finally:
        collector.stop()


@pytest.fixture
def address(engine: ClickHouse, tmp_path: Path) -> Iterator[str]:
    """A collector with a journal, on a socket."""
    collector = Collector(engine, CollectorSettings(data=tmp_path, journal=tmp_path / "journal"))
    app = FastAPI()
    app.include_router(collector.router)
    (port,) = lasting_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    thread = Thread(target=server.run)
    collector.start()
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(60)
    collector.stop()


def test_posts_reach_the_tables_and_the_map(engine: ClickHouse, address: str) -> None:
    """C4: what is answered is found, under the mark of other tracers."""
    posts = [
        ("/api/v2/spans", "application/json", json.dumps([zipkin_client()]).encode()),
        ("/api/v2/spans", "application/x-protobuf", zipkin_server()),
        ("/v1/traces", "application/x-protobuf", otlp_server()),
    ]
    for path, content_type, body in posts:
        answer = httpx.post(address + path, content=body, headers={"content-type": content_type}, timeout=60)
        assert answer.status_code in {200, 202}
    wait_until(lambda: stored(engine) == WANTED)
    wait_until(lambda: edges(engine) == MAP)
    with engine.reader() as handle:
        found = handle.query(f"SELECT uid, hex(trace_id) FROM {engine.database}.traces_by_uid").result_rows
    assert found == [("u-7", TRACE.upper())]


def test_one_large_trace_in_one_body_is_stored(engine: ClickHouse, address: str) -> None:
    """R2: 40,000 spans of one trace are 40,000 rows, and a look-up meanwhile is answered."""
    spans = [{**zipkin_client(), "id": f"{number:x}"} for number in range(1, 40_001)]
    body = json.dumps(spans).encode()
    assert len(body) < 20 * 1024 * 1024
    headers = {"content-type": "application/json"}
    assert httpx.post(f"{address}/api/v2/spans", content=body, headers=headers, timeout=60).status_code == 202
    assert httpx.get(f"{address}/health/ready", timeout=60).status_code == 200

    def count() -> int:
        with engine.reader() as handle:
            return int(handle.query(f"SELECT count() FROM {engine.database}.spans").result_rows[0][0])

    wait_until(lambda: count() == 40_000, 60)
