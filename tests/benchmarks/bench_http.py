"""Posts of other tracers to durable and queryable: spans/s and CPU of one collector process, beside a real Zipkin.

``python bench_http.py [--spans N] [--zipkin]``. Traces of thirty services, their spans interleaved, are made
beforehand as Zipkin v2 JSON and as OTLP protobuf, and posted in bodies of 1,000 on four connections, a quarter at a
time; the clock stops when the ledger holds every span of it. The process is ``hopline collector`` with its journal
and all tables, as it is configured by default. CPU is that of the whole process until it has been quiet for a second,
so merges are in it; it is told for each quarter, because stores get slower as they fill. ``--zipkin`` posts the same
bodies to a Zipkin that keeps them in memory (``make setup`` gets its jar), and gives ours as a multiple of its CPU.
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
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hopline_deploy.ports import free_ports

PER_POST, CONNECTIONS, SERVICES, USERS = 1_000, 4, 30, 50_000
CALLS, TOGETHER, PARTS = 14, 100, 4
"""Calls below the root of a trace, traces that are under way at a time, parts of a run."""
COLLECTOR = (sys.executable, "-m", "hopline_deploy", "collector", "--otlp-port", "0")
QUIET_SECONDS, QUIET_SHARE, WARM = 1.0, 0.05, 5
TICKS = os.sysconf("SC_CLK_TCK")
JARS = Path(__file__).parents[2] / ".cache" / "zipkin"

Span = dict[str, Any]


def spans(source: random.Random, count: int) -> Iterator[Span]:
    """``count`` spans of the last half minute, those of a hundred traces in any order."""
    waiting: list[Span] = []
    for _ in range(count):
        if not waiting:
            waiting = [span for _ in range(TOGETHER) for span in trace(source)]
            source.shuffle(waiting)
        yield waiting.pop()


def trace(source: random.Random) -> Iterator[Span]:
    """A root and the two sides of each call below it, eight tags each."""
    trace_id, user = source.randbytes(16), f"u-{source.randrange(USERS)}"
    begin = time.time_ns() // 1000 - source.randrange(30_000_000)
    places = [(source.randrange(SERVICES), source.randbytes(8))]
    yield _span(source, (trace_id, user, begin), "SERVER", (*places[0], b""))
    for call in range(1, CALLS + 1):
        (caller, above), client, server = source.choice(places), source.randbytes(8), source.randbytes(8)
        places.append(((caller + 1 + source.randrange(4)) % SERVICES, server))
        yield _span(source, (trace_id, user, begin + call * 2_000), "CLIENT", (caller, client, above))
        yield _span(source, (trace_id, user, begin + call * 2_000 + 500), "SERVER", (*places[-1], client))


def _span(source: random.Random, whose: tuple[bytes, str, int], kind: str, place: tuple[int, bytes, bytes]) -> Span:
    """``whose``: trace, user and start; ``place``: service, own id and parent's."""
    (trace_id, user, start), (service, own, parent) = whose, place
    return {
        "trace": trace_id,
        "id": own,
        "parent": parent,
        "kind": kind,
        "service": service,
        "name": f"get /op-{service}-{source.randrange(4)}",
        "start": start,
        "duration": int(source.lognormvariate(9, 1.5)) + 1,
        "tags": {
            "http.request.method": "GET",
            "http.response.status_code": "200",
            "server.address": f"h{source.randrange(200)}",
            "server.port": "8080",
            "network.protocol.version": "1.1",
            "user.id": user,
            "url.path": f"/op/{source.randrange(10**9)}",
            "url.scheme": "http",
        },
    }


def zipkin(found: list[Span]) -> bytes:
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


def otlp(found: list[Span]) -> bytes:
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
        one.parent_span_id = span["parent"]
        one.kind = 3 if span["kind"] == "CLIENT" else 2
        one.start_time_unix_nano = span["start"] * 1_000
        one.end_time_unix_nano = (span["start"] + span["duration"]) * 1_000
        for key, value in span["tags"].items():
            one.attributes.add(key=key).value.string_value = value
    return bytes(request.SerializeToString())


PROTOCOLS: dict[str, tuple[str, str, Callable[[list[Span]], bytes]]] = {
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


@dataclass(frozen=True, slots=True)
class Server:
    """A process that takes posts; ``has`` waits until it has stored so many spans."""

    command: list[str]
    environment: dict[str, str]
    ready: str
    has: Callable[[int, int], None]
    """Port and spans."""


def hopline(folder: str) -> Server:
    """A collector with everything in ``folder``."""

    def has(port: int, count: int) -> None:
        _wait(lambda: received(port) >= count)

    return Server([*COLLECTOR, "--data", folder, "--port", "{port}"], {}, "health/ready", has)


def peer() -> Server:
    """A Zipkin that keeps spans in memory: what it has answered it has."""
    jar = max(JARS.glob("zipkin-server-*-exec.jar"))
    settings = {"QUERY_PORT": "{port}", "MEM_MAX_SPANS": "10000000", "SELF_TRACING_ENABLED": "false"}
    return Server(["java", "-Xmx4g", "-jar", str(jar)], settings, "health", lambda port, count: None)


def measure(server: Server, protocol: str, bodies: list[bytes]) -> dict[str, float]:
    """One protocol against a fresh process; ``part N`` is the CPU of each quarter, in us a span."""
    path, content_type, _ = PROTOCOLS[protocol]
    (port,) = free_ports(1)
    command = [word.replace("{port}", str(port)) for word in server.command]
    environment = {name: text.replace("{port}", str(port)) for name, text in server.environment.items()}
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(lambda: httpx.get(f"http://127.0.0.1:{port}/{server.ready}").status_code == 200)
        post(port, path, content_type, bodies[:WARM])
        server.has(port, WARM * PER_POST)
        cpu = [quiet(process.pid)]
        answered = stored = 0.0
        for part in range(PARTS):
            size = (len(bodies) - WARM) // PARTS
            begin, end = time.monotonic(), WARM + (part + 1) * size
            post(port, path, content_type, bodies[end - size : end])
            answered += time.monotonic() - begin
            server.has(port, end * PER_POST)
            stored += time.monotonic() - begin
            cpu.append(quiet(process.pid))
    finally:
        process.terminate()
        process.wait()
    sent = size * PARTS * PER_POST
    parts = {f"part {n + 1}": (cpu[n + 1] - cpu[n]) / sent * PARTS * 1e6 for n in range(PARTS)}
    return {
        "spans/s answered": sent / answered,
        "spans/s stored": sent / stored,
        "us CPU/span": (cpu[-1] - cpu[0]) / sent * 1e6,
        **parts,
        "B/span": sum(map(len, bodies)) / len(bodies) / PER_POST,
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
    parser.add_argument("--zipkin", action="store_true", help="post to a Zipkin, too")
    options = parser.parse_args()
    for protocol, (_, _, encode) in PROTOCOLS.items():
        source = random.Random(1)
        found = iter(spans(source, options.spans))
        bodies = [encode(list(islice(found, PER_POST))) for _ in range(options.spans // PER_POST)]
        with tempfile.TemporaryDirectory() as folder:
            ours = measure(hopline(folder), protocol, bodies)
        _tell(protocol, ours)
        if options.zipkin and protocol == "Zipkin v2 JSON":
            theirs = measure(peer(), protocol, bodies)
            _tell("a real Zipkin", theirs)
            print(f"{'ours / its CPU':16}", f"{ours['us CPU/span'] / theirs['us CPU/span']:.2f}")


def _tell(what: str, found: dict[str, float]) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{what:16}", ", ".join(f"{value:,.1f} {name}" for name, value in found.items()), f"(load {load})", flush=True
    )


if __name__ == "__main__":
    main()
