"""A write token that is bound to services: through every door, whole posts, and the audit line of what was refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hopline_collector.door.otlp_grpc import SERVICE
from hopline_deploy import access
from support import wait_until
from support.hopline_process import Server
from support.ports import lasting_ports
from support.wire_rows import wire_message, wire_row


def row(service: str, number: int) -> dict[str, Any]:
    shared = {"trace_id": f"{number:032x}", "span_id": "0", "id": f"{number:016x}", "kind": "server"}
    return shared | {"service": service, "name": "op", "start_us": 1_795_000_000_000_000 + number, "duration_us": 5}


def zipkin(service: str, number: int) -> dict[str, Any]:
    span = {"traceId": f"{number:032x}", "id": f"{number:016x}", "name": "op", "timestamp": 1_795_000_000_000_000}
    return span | {"duration": 5, "localEndpoint": {"serviceName": service}}


def otlp(service: str, number: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add()
    name = spans.resource.attributes.add()
    name.key, name.value.string_value = "service.name", service
    span = spans.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = number.to_bytes(16, "big"), number.to_bytes(8, "big"), "op"
    span.start_time_unix_nano = span.end_time_unix_nano = 1_795_000_000_000_000_000
    return request


@pytest.fixture
def guarded(
    hopline_up: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Server, dict[str, str], int]:
    """A server, the header of a token bound to ``shop-`` and ``pay``, and the port of gRPC."""
    token, line = access.create("write", "shop", services="shop-,pay")
    (tmp_path / "tokens").write_text(line)
    monkeypatch.setenv("HOPLINE_TOKENS", str(tmp_path / "tokens"))
    (port,) = lasting_ports(1)
    server = hopline_up("--otlp-grpc-port", str(port))
    return server, {"Authorization": f"Bearer {token}"}, port


def test_every_door_holds_a_token_to_its_services(guarded: tuple[Server, dict[str, str], int]) -> None:
    """A4: rows of the token's services are taken, a post with any other row is refused whole, and names the service."""
    server, shown, port = guarded
    protobuf = {"content-type": "application/x-protobuf"}
    msgpack = {"content-type": "application/msgpack"}
    posts: list[tuple[str, dict[str, Any]]] = []
    for name in ("shop-web", "bank"):
        native = wire_message(wire_row(1), process={"service": name})
        posts += [
            ("/api/v1/spans", {"json": [row("pay", 1), row(name, 2)]}),
            ("/api/v1/spans", {"content": native, "headers": msgpack}),
            ("/api/v2/spans", {"json": [zipkin(name, 3)]}),
            ("/v1/traces", {"content": otlp(name, 4).SerializeToString(), "headers": protobuf}),
        ]
    half = len(posts) // 2
    for number, (path, post) in enumerate(posts):
        answer = httpx.post(f"{server.url}{path}", **{**post, "headers": shown | post.get("headers", {})}, timeout=60)
        assert (answer.status_code == 403) == (number >= half), (path, answer.text)
        if number >= half:
            assert "bank" in answer.text
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary(
            f"/{SERVICE}/Export", request_serializer=ExportTraceServiceRequest.SerializeToString
        )
        metadata = [("authorization", shown["Authorization"])]
        assert export(otlp("shop-web", 5), metadata=metadata, timeout=60) == b""
        with pytest.raises(grpc.RpcError) as refused:
            export(otlp("bank", 6), metadata=metadata, timeout=60)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_refusal_over_grpc_has_its_address(guarded: tuple[Server, dict[str, str], int], tmp_path: Path) -> None:
    """A4: the audit line of a token that gRPC refused says where it came from."""
    _, _, port = guarded
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary(
            f"/{SERVICE}/Export", request_serializer=ExportTraceServiceRequest.SerializeToString
        )
        with pytest.raises(grpc.RpcError):
            export(otlp("bank", 6), metadata=[("authorization", "Bearer guessed")], timeout=60)
    audit = tmp_path / "hopline" / "audit.jsonl"
    wait_until(audit.exists, what="the audit line")
    wait_until(lambda: audit.read_text().endswith("\n"), what="the whole line")
    line = json.loads(audit.read_text().splitlines()[0])
    assert (line["event"], line["status"], line["address"]) == ("refused", 401, "127.0.0.1")


def test_lines_with_services() -> None:
    """A4: the line of a bound token; a second line of it without services frees it; wrong ones are named."""
    token, line = access.create("write", services="shop-,pay")
    assert line.endswith("services=shop-,pay")
    parsed = access.parse_line(line, "here")
    free = access.parse_line(line.partition(" services")[0], "here")
    assert access.bound_services([parsed], "write") == ("shop-", "pay")
    assert access.bound_services([parsed, free], "write") == ()
    assert token not in line
    wrong = (
        ("read", "", "beginnings"),
        ("admin", "a", "write or read"),
        ("write", "a,,b", "beginnings"),
        ("write", "a b", "blank"),
    )
    for scope, services, says in wrong:
        with pytest.raises(access.TokenError, match=says):
            access.create(scope, services=services)
