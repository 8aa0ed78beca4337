"""`POST /api/v1/spans`: what is taken, what is refused and how, and that "accepted" means durable."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import zstandard
from fastapi import FastAPI, Request, Response

from hopline_collector.door.bodies import Gate, RefusedError, read_body, refusal
from hopline_collector.door.intake import Entry, IntakeAwayError, IntakeFullError, JournalIntake
from hopline_collector.door.receivers import create_router
from hopline_collector.metrics import Metrics
from hopline_collector.sources.journal import Batch, Journal

URL = "/api/v1/spans"
JSON = {"content-type": "application/json"}
ROW: dict[str, Any] = {
    "trace_id": "6921c0de0123456789abcdef01234567",
    "id": "00f067aa0ba902b7",
    "kind": "server",
    "service": "orders",
    "name": "POST /orders",
    "start_us": 1_763_800_000_123_456,
}


class Client:
    """Asks an application without a socket; whatever it raises is raised here."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def post(self, path: str, **how: Any) -> httpx.Response:
        return self.ask("POST", path, **how)

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
                return await client.request(method, path, **how)

        return asyncio.run(once())


class Memory:
    """An intake in memory that can be told to fail."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.failure: Exception | None = None

    def accept(self, entries: Any, _batch: Batch | None) -> None:
        if self.failure is not None:
            raise self.failure
        self.entries += entries

    def answer_of(self, _batch_id: str, _now: int) -> bytes | None:
        return None


@pytest.fixture
def intake() -> Memory:
    return Memory()


@pytest.fixture
def client(intake: Memory) -> Client:
    app = FastAPI()
    app.include_router(create_router(intake, Metrics(), max_bytes=100_000))
    return Client(app)


def test_rows_are_accepted_and_kept_as_they_came(client: Client, intake: Memory) -> None:
    """C4: 202 with counts; what is durable is the body."""
    answer = client.post(URL, json=[ROW])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    assert intake.entries[0][0] == "native"
    assert json.loads(intake.entries[0][1]) == [ROW]


@pytest.mark.parametrize("body", [[], {"rows": []}, {"report": {"at_us": 1}}])
def test_an_empty_post_is_fine(client: Client, body: Any) -> None:
    """C4: nothing to store is no error."""
    assert client.post(URL, json=body).json() == {"accepted": 0, "rejected": []}


def test_bad_rows_are_told_by_their_place(client: Client) -> None:
    """C4: each rejected row has its index and a reason, the others are accepted."""
    answer = client.post(URL, json=[ROW, {"kind": "server"}, {**ROW, "id": "", "span_id": ""}, {**ROW, "kind": "x"}])
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [(bad["index"], bad["reason"]) for bad in answer.json()["rejected"]] == [
        (1, "malformed_row"),
        (2, "no_identity"),
        (3, "malformed_row"),
    ]


@pytest.mark.parametrize(
    "content_type", ["application/msgpack", "application/x-msgpack", "Application/JSON; charset=utf-8"]
)
def test_the_content_types_that_are_understood(client: Client, content_type: str) -> None:
    """C4: JSON and MessagePack of the same structure."""
    body = msgspec.msgpack.encode([ROW]) if "msgpack" in content_type else json.dumps([ROW]).encode()
    assert client.post(URL, content=body, headers={"content-type": content_type}).status_code == 202


def test_gzip_is_understood(client: Client) -> None:
    """C4: a compressed body is inflated before it is kept."""
    body = gzip.compress(json.dumps([ROW]).encode())
    assert client.post(URL, content=body, headers={**JSON, "content-encoding": "gzip"}).json()["accepted"] == 1


def bare_deflate(body: bytes) -> bytes:
    """Without zlib's head and checksum, as some clients send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("deflate", zlib.compress),
        ("deflate", bare_deflate),
        ("zstd", zstandard.compress),
        ("zstd", lambda body: zstandard.compress(body[:9]) + zstandard.compress(body[9:])),
    ],
)
def test_other_encodings_are_understood(client: Client, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """N17: deflate in both of its forms and zstd are inflated within the same bound, and not cut short."""
    body = json.dumps([ROW]).encode()
    headers = {**JSON, "content-encoding": encoding}
    assert client.post(URL, content=pack(body), headers=headers).json()["accepted"] == 1
    assert client.post(URL, content=pack(b" " * 5_000_000), headers=headers).status_code == 413
    assert client.post(URL, content=pack(body)[:-3], headers=headers).json()["error"] == f"bad_{encoding}"
    assert client.post(URL, content=b"nonsense", headers=headers).json()["error"] == f"bad_{encoding}"


def test_thrift_is_told_where_to_go(client: Client) -> None:
    """N17: Jaeger's Thrift over HTTP is refused aloud, with the way that is open."""
    headers = {"content-type": "application/vnd.apache.thrift.binary"}
    answer = client.post(f"{URL.removesuffix('/v1/spans')}/traces?format=jaeger.thrift", content=b"x", headers=headers)
    assert answer.status_code == 415
    assert "/v1/traces" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "refusal"),
    [
        (b"[", JSON, (400, "malformed")),
        (b"", JSON, (400, "malformed")),
        (b"nonsense", JSON, (400, "malformed")),
        (b"[" * 5_000, JSON, (400, "malformed")),
        (b"[NaN]", JSON, (400, "malformed")),
        (msgspec.msgpack.encode([9, {}, []]), {"content-type": "application/msgpack"}, (400, "unknown_version")),
        (b"x", {"content-type": "text/plain"}, (415, "unsupported_media_type")),
        (b"x", {}, (415, "unsupported_media_type")),
        (b"x", {**JSON, "content-encoding": "br"}, (415, "unsupported_encoding")),
        (b"x", {**JSON, "content-encoding": "gzip"}, (400, "bad_gzip")),
        (gzip.compress(b"[" + b" " * 90_000 + b"]")[:-20], {**JSON, "content-encoding": "gzip"}, (400, "bad_gzip")),
        (gzip.compress(b" " * 5_000_000), {**JSON, "content-encoding": "gzip"}, (413, "too_large")),
        (b" " * 100_001, JSON, (413, "too_large")),
        (b"[]", {**JSON, "hopline-batch-id": "x" * 129}, (400, "bad_batch_id")),
    ],
)
def test_what_is_refused_and_with_which_status(
    client: Client, intake: Memory, body: bytes, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    """R3: a clear status and reason, never a 500, and nothing is kept."""
    answer = client.post(URL, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == refusal
    assert intake.entries == []


def test_a_chunked_body_is_bounded_too(client: Client) -> None:
    """R3: without a declared length the bytes are counted as they come."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 10_000

    assert client.post(URL, content=parts(), headers=JSON).status_code == 413


def test_what_is_refused_takes_no_room() -> None:
    """R3: bytes under way are counted as they come, and counted out again however the request ends."""
    app = FastAPI()
    gate = Gate()

    @app.post("/")
    async def read(request: Request) -> Response:
        try:
            body = await read_body(request, 100_000, gate)
        except RefusedError as refused:
            return refusal(refused)
        gate.leave(len(body))
        return Response(status_code=204)

    asker = Client(app)
    bad_gzip = {"content-encoding": "gzip"}
    good = gzip.compress(b" " * 90_000)
    asked = [(b"x" * 100_000, {}, 204), (b"x" * 100_001, {}, 413), (b"x", bad_gzip, 400), (good, bad_gzip, 204)]
    for body, headers, status in asked:
        assert asker.post("/", content=body, headers=headers).status_code == status
        assert gate.bytes == 0
    gate.enter(128 * 1024 * 1024 - 10_000)
    assert asker.post("/", content=b"x" * 20_000).status_code == 429
    assert asker.post("/", content=good, headers=bad_gzip).status_code == 429
    assert gate.bytes == 128 * 1024 * 1024 - 10_000


@pytest.mark.parametrize(("failure", "status"), [(IntakeFullError("full"), 429), (IntakeAwayError("away"), 503)])
def test_pressure_is_told_with_when_to_come_back(
    client: Client, intake: Memory, failure: Exception, status: int
) -> None:
    """C4: 429 and 503 carry Retry-After, and "accepted" is never said of what is not durable."""
    intake.failure = failure
    answer = client.post(URL, json=[ROW])
    assert answer.status_code == status
    assert int(answer.headers["retry-after"]) > 0


def test_other_methods_are_told_what_is_allowed(client: Client) -> None:
    """R3: 405 names POST."""
    answer = client.ask("PUT", URL, json=[])
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite", max_bytes=2_000)
    yield opened
    opened.close()


def test_a_batch_id_is_stored_once_for_an_hour(journal: Journal) -> None:
    """C4: the same id within an hour gets the same answer and stores nothing; later it is new."""
    now = [1_763_800_000_000_000]
    app = FastAPI()
    app.include_router(create_router(JournalIntake(journal), Metrics(), clock=lambda: now[0]))
    client = Client(app)
    headers = {"hopline-batch-id": "b-1"}
    first = client.post(URL, json=[ROW, {}], headers=headers)
    again = client.post(URL, json=[ROW, {}], headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert journal.ends()[journal.key] == 2
    now[0] += 3_601_000_000
    client.post(URL, json=[ROW], headers=headers)
    assert journal.ends()[journal.key] == 3


def test_a_full_journal_answers_429(journal: Journal) -> None:
    """C2: what waits is bounded, and the sender is told to wait."""
    app = FastAPI()
    app.include_router(create_router(JournalIntake(journal), Metrics()))
    client = Client(app)
    answers = [client.post(URL, json=[ROW] * 5).status_code for _ in range(4)]
    assert answers[0] == 202
    assert answers[-1] == 429
