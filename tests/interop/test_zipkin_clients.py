"""Zipkin's Python clients send to us."""

import asyncio
from typing import Any

import aiozipkin
import httpx
import pytest
from py_zipkin import Encoding, Kind
from py_zipkin.transport import BaseTransportHandler
from py_zipkin.zipkin import zipkin_client_span, zipkin_server_span


class Transport(BaseTransportHandler):
    """What py_zipkin's users write: it has no HTTP of its own that waits for the answer."""

    def __init__(self, url: str, content_type: str) -> None:
        self.url = url
        self.content_type = content_type
        self.statuses: list[int] = []

    def get_max_payload_bytes(self) -> None:
        return None

    def send(self, payload: bytes | str) -> None:
        answer = httpx.post(self.url, content=payload, headers={"content-type": self.content_type}, timeout=60)
        self.statuses.append(answer.status_code)


@pytest.mark.parametrize(
    ("encoding", "path", "content_type"),
    [
        (Encoding.V2_JSON, "/api/v2/spans", "application/json"),
        (Encoding.V2_PROTO3, "/api/v2/spans", "application/x-protobuf"),
        (Encoding.V1_JSON, "/api/v1/spans", "application/json"),
    ],
)
def test_py_zipkin_is_understood(receiver: Any, encoding: Encoding, path: str, content_type: str) -> None:
    """C4: v2 in both encodings and v1."""
    transport = Transport(receiver.url + path, content_type)
    with zipkin_server_span(
        service_name="orders",
        span_name="POST /orders",
        transport_handler=transport,
        sample_rate=100.0,
        encoding=encoding,
        host="10.0.0.1",
        port=8080,
        binary_annotations={"http.path": "/orders", "user.id": "u-1"},
    ) as root:
        with zipkin_client_span(service_name="orders", span_name="charge") as call:
            call.add_sa_binary_annotation(port=80, service_name="payments", host="10.0.0.2")
            call.add_annotation("half way")
            call.update_binary_annotations({"error": "Timeout"})
        assert root.zipkin_attrs
        trace_id, root_id = root.zipkin_attrs.trace_id, root.zipkin_attrs.span_id
    assert set(transport.statuses) == {202}
    client, server = sorted(receiver.rows(), key=lambda row: row["kind"])
    assert (client["kind"], client["service"], client["name"]) == ("client", "orders", "charge")
    assert (client["peer"], client["error"], client["error_type"]) == ("payments", 1, "Timeout")
    assert [key for _, key, _ in client["annotations"]] == ["half way"]
    assert (server["kind"], server["instance"], server["uid"]) == ("server", "10.0.0.1:8080", "u-1")
    assert client["parent_id"] == server["id"] == int(root_id, 16)
    assert server["trace_id"].hex().endswith(trace_id)
    assert server["duration_us"] > 0


def test_py_zipkin_names_kinds_as_we_do() -> None:
    """C4: the words of the protocol are those of the client."""
    assert {kind.value for kind in Kind} >= {"CLIENT", "SERVER"}


def test_aiozipkin_is_understood(receiver: Any) -> None:
    """C4: an asyncio client that batches."""

    async def run() -> None:
        endpoint = aiozipkin.create_endpoint("orders", ipv4="10.0.0.1", port=8080)
        tracer = await aiozipkin.create(f"{receiver.url}/api/v2/spans", endpoint, sample_rate=1.0)
        with tracer.new_trace(sampled=True) as root:
            root.name("POST /orders")
            root.kind(aiozipkin.SERVER)
            root.annotate("begun")
            with tracer.new_child(root.context) as call:
                call.name("select")
                call.kind(aiozipkin.CLIENT)
                call.remote_endpoint("postgresql")
                call.tag("sql.query", "select 1")
        await tracer.close()

    asyncio.run(run())
    client, server = sorted(receiver.rows(), key=lambda row: row["kind"])
    assert (client["peer"], client["peer_kind"], client["attrs"]["sql.query"]) == ("postgresql", "db", "select 1")
    assert (server["service"], server["name"], client["parent_id"]) == ("orders", "POST /orders", server["id"])
