"""Posts of other tracers to durable and queryable: spans/s and CPU of one collector process.

``python bench_http.py [--spans N]``. Bodies of 1,000 spans are made beforehand and posted
on four connections, as Zipkin v2 JSON and as OTLP protobuf; the clock stops when the
ledger holds every span. The process is ``hopline collector`` with its journal and all
tables, as it is configured by default. CPU is that of the whole process until its
engine has been quiet for a second, so merges are in it.
"""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hopline_deploy.ports import free_ports

PER_POST, CONNECTIONS, SERVICES, USERS = 1_000, 4, 30, 50_000
COLLECTOR = (sys.executable, "-m", "hopline_deploy", "collector", "--otlp-port", "0")
QUIET_SECONDS, QUIET_SHARE = 1.0, 0.05
TICKS = os.sysconf("SC_CLK_TCK")


def spans(source: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Calls in pairs of client and server, with eight tags each, of the last minutes."""
    for number in range(count // 2):
        trace, client, server = source.randbytes(16), source.randbytes(8), source.randbytes(8)
        start = time.time_ns() // 1000 - source.randrange(300_000_000)
        for kind, own, parent in (("CLIENT", client, None), ("SERVER", server, client)):
            yield {
                "trace": trace,
                "id": own,
                "parent": parent,
                "kind": kind,
                "service": (number * 7 + (kind == "SERVER")) % SERVICES,
                "name": f"get /op-{source.randrange(120)}",
                "start": start,
                "duration": int(source.lognormvariate(9, 1.5)) + 1,
                "tags": {
                    "http.request.method": "GET",
                    "http.response.status_code": "200",
                    "server.address": f"h{source.randrange(200)}",
                    "server.port": "8080",
                    "network.protocol.version": "1.1",
                    "user.id": f"u-{source.randrange(USERS)}",
                    "url.path": f"/op/{source.randrange(10**9)}",
                    "url.scheme": "http",
                },
            }


def zipkin(found: list[dict[str, Any]]) -> bytes:
    return json.dumps(
        [
            {
                "traceId": span["trace"].hex(),
                "id": span["id"].hex(),
                **({"parentId": span["parent"].hex()} if span["parent"] else {}),
                "kind": span["kind"],
                "name": span["name"],
                "timestamp": span["start"],
                "duration": span["duration"],
                "localEndpoint": {"serviceName": f"service-{span['service']}", "ipv4": "10.0.0.1"},
                "tags": span["tags"],
            }
            for span in found
        ]
    ).encode()


def otlp(found: list[dict[str, Any]]) -> bytes:
    request = ExportTraceServiceRequest()
    by_service: dict[int, Any] = {}
    for span in found:
        if span["service"] not in by_service:
            made = request.resource_spans.add()
            attribute = made.resource.attributes.add(key="service.name")
            attribute.value.string_value = f"service-{span['service']}"
            by_service[span["service"]] = made.scope_spans.add()
            by_service[span["service"]].scope.name = "opentelemetry.instrumentation.fastapi"
        one = by_service[span["service"]].spans.add(trace_id=span["trace"], span_id=span["id"], name=span["name"])
        one.parent_span_id = span["parent"] or b""
        one.kind = 3 if span["kind"] == "CLIENT" else 2
        one.start_time_unix_nano = span["start"] * 1_000
        one.end_time_unix_nano = (span["start"] + span["duration"]) * 1_000
        for key, value in span["tags"].items():
            one.attributes.add(key=key).value.string_value = value
    return bytes(request.SerializeToString())


PROTOCOLS: dict[str, tuple[str, str, Callable[[list[dict[str, Any]]], bytes]]] = {
    "Zipkin v2 JSON": ("/api/v2/spans", "application/json", zipkin),
    "OTLP protobuf": ("/v1/traces", "application/x-protobuf", otlp),
}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def quiet(pid: int) -> float:
    """CPU seconds of a process once it has used next to none for a second."""
    before = cpu_seconds(pid)
    while True:
        time.sleep(QUIET_SECONDS)
        now = cpu_seconds(pid)
        if now - before < QUIET_SECONDS * QUIET_SHARE:
            return now
        before = now


def received(port: int) -> float:
    """Rows that were handed over."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30.0).text
    lines = [line for line in text.splitlines() if line.startswith('hopline_rows_total{account="received"}')]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def post(port: int, path: str, content_type: str, bodies: list[bytes]) -> None:
    """Post all bodies on four connections that stay open."""
    waiting = list(bodies)

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while waiting:
            connection.request("POST", path, waiting.pop(), {"Content-Type": content_type})
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"answered {answer.status}")
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(count: int, protocol: str) -> dict[str, float]:
    """One protocol against a fresh collector."""
    path, content_type, encode = PROTOCOLS[protocol]
    source = random.Random(1)
    bodies = [encode(list(spans(source, PER_POST))) for _ in range(count // PER_POST)]
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        command = [*COLLECTOR, "--port", str(port), "--data", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(lambda: httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200)
            post(port, path, content_type, bodies[:5])
            _wait(lambda: received(port) >= 5 * PER_POST)
            cpu, begin = quiet(process.pid), time.monotonic()
            post(port, path, content_type, bodies[5:])
            answered = time.monotonic() - begin
            _wait(lambda: received(port) >= count)
            stored, cpu = time.monotonic() - begin, quiet(process.pid) - cpu
        finally:
            process.terminate()
            process.wait()
    sent = count - 5 * PER_POST
    return {
        "spans/s answered": sent / answered,
        "spans/s stored": sent / stored,
        "us CPU/span": cpu / sent * 1e6,
        "B/span": sum(map(len, bodies)) / count,
    }


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise TimeoutError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=400_000)
    count = parser.parse_args().spans
    for protocol in PROTOCOLS:
        found = measure(count, protocol)
        print(f"{protocol:16}", ", ".join(f"{value:,.1f} {name}" for name, value in found.items()))


if __name__ == "__main__":
    main()
