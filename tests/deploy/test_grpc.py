"""OTLP over gRPC as a part of the running command."""

import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from hopline_collector.door import otlp_grpc as receivers_grpc
from hopline_collector.door.bodies import RefusedError
from hopline_deploy.access import TokenFile, create, writers_only
from support import wait_until
from support.certificate import make_certificate
from support.hopline_process import Server
from support.ports import lasting_ports


def test_a_span_over_grpc_is_found(
    hopline_up: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C4, R5: OpenTelemetry's exporter to `hopline up`, behind TLS and a token, and out by the query API."""
    chain, key = make_certificate(tmp_path)
    (write, writer), (read, reader) = create("write"), create("read")
    (tmp_path / "tokens").write_text(f"{writer}\n{reader}\n")
    config = tmp_path / "hopline.toml"
    config.write_text(f'tokens = "{tmp_path / "tokens"}"\ntls_cert = "{chain}"\ntls_key = "{key}"\n')
    # Whoever waits for the server to be ready trusts its certificate.
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    (port,) = lasting_ports(1)
    server = hopline_up("--config", str(config), "--otlp-grpc-port", str(port))
    assert f"OTLP over gRPC 127.0.0.1:{port}" in server.child.output

    def exporter(token: str) -> OTLPSpanExporter:
        trusted = grpc.ssl_channel_credentials(chain.read_bytes())
        headers = {"authorization": f"Bearer {token}"}
        endpoint = f"https://127.0.0.1:{port}"
        return OTLPSpanExporter(endpoint=endpoint, credentials=trusted, headers=headers, timeout=60)

    provider = TracerProvider(resource=Resource.create({"service.name": "web"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter(write)))
    with provider.get_tracer("shop").start_as_current_span("GET") as span:
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
    provider.shutdown()
    asked = {"headers": {"Authorization": f"Bearer {read}"}, "verify": ssl.create_default_context(cafile=str(chain))}
    wait_until(lambda: httpx.get(f"{server.url}/api/v1/traces/{trace_id}", **asked, timeout=60).status_code == 200)


def test_only_writers_are_let_in(tmp_path: Path) -> None:
    """R5: 401 without a token, 403 with one that may only read."""
    made = {scope: create(scope) for scope in ("write", "read", "admin")}
    (tmp_path / "tokens").write_text("\n".join(line for _, line in made.values()))
    admit = writers_only(TokenFile(tmp_path / "tokens"))
    for header, status in (("", 401), ("Bearer guessed", 401), (f"Bearer {made['read'][0]}", 403)):
        with pytest.raises(RefusedError) as caught:
            admit(header, "192.0.2.7")
        assert caught.value.status == status
    for scope in ("write", "admin"):
        admit(f"Bearer {made[scope][0]}", "192.0.2.7")


def test_without_the_extra_one_line_says_so(tmp_path: Path) -> None:
    """C4: the setting without grpcio ends with 2 and says what to install."""
    without = "import sys; sys.modules['grpc'] = None; from hopline_deploy.cli import main; main()"
    flags = ["--port", "0", "--otlp-port", "0", "--otlp-grpc-port", "4317", "--data", str(tmp_path)]
    command = [sys.executable, "-c", without, "collector", *flags]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [f"hopline: {receivers_grpc.MISSING}"]
