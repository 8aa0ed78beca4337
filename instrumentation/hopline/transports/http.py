"""Rows to a collector over HTTP, with the standard library alone (docs/wire.md)."""

import gzip
import json
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
_GZIP_FROM: Final = 4_096
_GZIP_LEVEL: Final = 1
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpTransport:
    """One kept-alive connection. A batch keeps its id over all attempts, so a retry stores nothing twice."""

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
        self._attempted: tuple[Batch, str] | None = None

    def send(self, batch: Batch) -> None:
        """Post the batch; it is taken over when the answer says so.

        Raises:
            TransportUnavailable: no connection, pressure, or a failing server.
            BatchRefused: any other answer but success.

        """
        body = encode(batch)
        headers = {"Content-Type": "application/json", "Hopline-Batch-Id": self._batch_id(batch)}
        if self._gzip and len(body) >= _GZIP_FROM:
            body = gzip.compress(body, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            status, answer = self._post(body, headers)
        except (OSError, HTTPException) as error:
            self.after_fork()
            raise TransportUnavailable(f"{type(error).__name__}: {error}") from error
        if status in _LATER:
            raise TransportUnavailable(f"status {status}")
        if not 200 <= status < 300:
            raise BatchRefused(f"status {status}: {answer[:200]!r}")
        rejected = min(batch.counted, _rejected(answer))
        self._counts.add("sent", batch.counted - rejected)
        self._counts.add("dropped.rejected", rejected)

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - send waits for the answer
        """Nothing is under way once ``send`` has returned."""
        return True

    def after_fork(self) -> None:
        """Drop the connection; the next send opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self, timeout: float) -> None:  # noqa: ARG002 - closing does not wait
        """Close the connection."""
        self.after_fork()

    def _batch_id(self, batch: Batch) -> str:
        if self._attempted is None or self._attempted[0] is not batch:
            self._attempted = (batch, uuid4().hex)
        return self._attempted[1]

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is not None:
            try:
                return _exchange(self._connection, self._path, body, headers)
            except (OSError, HTTPException):
                self.after_fork()  # a kept-alive connection may have been closed meanwhile
        make = HTTPSConnection if self._secure else HTTPConnection
        self._connection = make(self._host, self._port, timeout=TIMEOUT_S)
        return _exchange(self._connection, self._path, body, headers)


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
