"""Bodies as zipkin-reporter makes them, Zipkin's Java client, in its three encodings.

``golden/zipkin-reporter-*`` are three spans by zipkin-reporter 3.5.1: its
``SpanBytesEncoder`` of that name and ``BytesMessageEncoder``.
"""

import gzip
from pathlib import Path
from typing import Any

import httpx
import pytest

GOLDEN = Path(__file__).with_name("golden")
BODIES = {
    "v2.json": ("/api/v2/spans", "application/json"),
    "v2.binpb": ("/api/v2/spans", "application/x-protobuf"),
    "v1.json": ("/api/v1/spans", "application/json"),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_zipkin_reporters_bodies_are_understood(receiver: Any, name: str, zipped: bool) -> None:
    """C4: a client span, its shared server span and a local one, alike in every encoding, plain and gzipped."""
    path, content_type = BODIES[name]
    body = (GOLDEN / f"zipkin-reporter-{name}").read_bytes()
    headers = {"content-type": content_type} | ({"content-encoding": "gzip"} if zipped else {})
    answer = httpx.post(
        receiver.url + path, content=gzip.compress(body) if zipped else body, headers=headers, timeout=60
    )
    assert (answer.status_code, answer.content) == (202, b"")
    client, local, server = sorted(receiver.rows(), key=lambda row: row["kind"])
    assert {row["trace_id"].hex() for row in (client, server)} == {"7180c278b62e8f6a216a2aea45d08fc9"}
    assert (client["kind"], client["service"], client["name"], client["host"]) == (
        "client",
        "frontend",
        "get",
        "127.0.0.1",
    )
    assert (client["id"], client["parent_id"]) == (0x5B4185666D50F68B, 0x6B221D5BC9E6496C)
    assert (client["duration_us"], client["peer"], client["uid"]) == (207_000, "backend", "u-1")
    assert (client["error"], client["error_type"]) == (1, "Timeout")
    assert [key for _, key, _ in client["annotations"]] == ["foo", "bar"]
    assert (server["kind"], server["id"], server["duration_us"]) == ("server", client["id"], 187_000)
    assert (server["service"], server["host"]) == ("backend", "2001:db8::c001")
    assert server["attrs"]["zipkin.shared"] == "true"
    assert server["tags"]['quote"'] == "\u2028 é \U0001f300 \\ \n"
    assert server["start_us"] - client["start_us"] == 10_000
    assert (local["kind"], local["trace_id"].hex(), local["flags"]) == ("local", "216a2aea45d08fc9".rjust(32, "0"), 3)
    assert (local["unfinished"], local["name"]) == (1, "boot")
