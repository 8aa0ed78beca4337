"""Rows to a collector over HTTP, with the standard library alone (docs/wire.md)."""

import contextlib
import gzip
import json
import os
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from hopline.config import Config
from hopline.counts import Counts
from hopline.errors import BatchRefused, TransportUnavailable
from hopline.rows import to_json
from hopline.transports.base import Batch

PATH: Final = "/api/v1/spans"
TIMEOUT_S: Final = 10.0
MAX_POST: Final = 4_000_000
"""Most bytes of one post before compression: within what the collector and the proxies before it take."""
TOO_LARGE: Final = 413
_GZIP_FROM: Final = 4_096
_GZIP_LEVEL: Final = 1
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpTransport:
    """One kept-alive connection. A post keeps its id over all attempts, so a retry stores nothing twice."""

    def __init__(self, config: Config, counts: Counts) -> None:
        address = urlsplit(config.endpoint)
        self._secure = address.scheme == "https"
        self._host = address.hostname or "127.0.0.1"
        self._port = address.port
        self._path = address.path.rstrip("/") + PATH
        self._token = config.token
        self._gzip = config.compression == "gzip"
        self._counts = counts
        self._connection: HTTPConnection | None = None
        self._attempted: _Attempt | None = None

    def send(self, batch: Batch) -> None:
        """Post the batch; it is taken over when the answer says so.

        Raises:
            TransportUnavailable: no connection, pressure, or a failing server.
            BatchRefused: any other answer but success.

        """
        attempt = self._attempted
        if attempt is None or attempt.batch is not batch:
            attempt = self._attempted = _Attempt(batch)
        while attempt.parts:
            part = attempt.parts[0]
            body = encode(part)
            if len(body) > MAX_POST and len(part.spans) > 1:
                attempt.split()
                continue
            status, answer = self._post_part(body, attempt.part_id)
            if status == TOO_LARGE and len(part.spans) > 1:
                attempt.split()
                continue
            attempt.done()
            if not 200 <= status < 300:
                if attempt.parts or attempt.taken:
                    self._counts.add("dropped.refused", part.counted)  # the others' fate is their own
                    continue
                raise BatchRefused(f"status {status}: {answer[:200]!r}")
            attempt.taken = True
            rejected = min(part.counted, _rejected(answer))
            self._counts.add("sent", part.counted - rejected)
            self._counts.add("dropped.rejected", rejected)

    def _post_part(self, body: bytes, part_id: str) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Hopline-Batch-Id": part_id}
        if self._gzip and len(body) >= _GZIP_FROM:
            body = gzip.compress(body, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            status, answer = self._post(body, headers)
        except (OSError, HTTPException) as error:
            self._disconnect()
            raise TransportUnavailable(f"{type(error).__name__}: {error}") from error
        if status in _LATER:
            raise TransportUnavailable(f"status {status}")
        return status, answer

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - send waits for the answer
        """Nothing is under way once ``send`` has returned."""
        return True

    def after_fork(self) -> None:
        """Leave the connection to the parent; the next send opens a new one.

        Closing it would wait for the lock of its reader, which the parent's sender held if it was reading an answer.
        """
        connection, self._connection = self._connection, None
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):  # the sender was closing it just then
                os.close(connection.sock.detach())

    def _disconnect(self) -> None:
        """Drop the connection; the next send opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self, timeout: float) -> None:  # noqa: ARG002 - closing does not wait
        """Close the connection."""
        self._disconnect()

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is not None:
            try:
                return _exchange(self._connection, self._path, body, headers)
            except (OSError, HTTPException):
                self._disconnect()  # a kept-alive connection may have been closed meanwhile
        make = HTTPSConnection if self._secure else HTTPConnection
        self._connection = make(self._host, self._port, timeout=TIMEOUT_S)
        return _exchange(self._connection, self._path, body, headers)


class _Attempt:
    """A batch on its way, in one post or in several; a part that was taken is not sent again."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.parts = [batch]
        self.taken = False
        self.part_id = uuid4().hex

    def split(self) -> None:
        """Put two halves in the first part's place; the report goes with the first, the count with their spans."""
        part = self.parts.pop(0)
        half = len(part.spans) // 2
        first, second = part.spans[:half], part.spans[half:]
        counted = bool(part.counted)
        self.parts[:0] = [
            Batch(part.process, first, len(first) * counted, part.report),
            Batch(part.process, second, len(second) * counted),
        ]
        self.part_id = uuid4().hex

    def done(self) -> None:
        """The first part has its answer; the next has an id of its own."""
        self.parts.pop(0)
        self.part_id = uuid4().hex


def _exchange(connection: HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection.request("POST", path, body, headers)
    response: HTTPResponse = connection.getresponse()
    return response.status, response.read(1 << 20)


def encode(batch: Batch) -> bytes:
    """The body: process facts, rows, and the report when it is due. Lone surrogates become ``?``."""
    body: dict[str, object] = {"process": batch.process, "rows": [to_json(span) for span in batch.spans]}
    if batch.report is not None:
        body["report"] = batch.report
    if _fast_json is not None:
        try:
            return _fast_json(body)
        except UnicodeError:
            pass  # a lone surrogate
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _msgspec_encoder() -> Callable[[Any], bytes] | None:
    """A JSON encoder a dozen times as fast, where the extra ``hopline[kafka]`` has brought one."""
    try:
        import msgspec
    except ImportError:
        return None
    return msgspec.json.Encoder().encode


_fast_json: Final = _msgspec_encoder()


def _rejected(answer: bytes) -> int:
    try:
        return len(json.loads(answer)["rejected"])
    except (ValueError, KeyError, TypeError):
        return 0
