"""A serving library as the contract sees it: how it is started, and what its application does."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import hopline

IGNORED = "/quiet"
"""The path that the contract's recorder ignores."""
LINES = ("one", "two")
ENDLESS_S = 20.0
"""Longest that an endless answer goes on when nobody notices that its client has left."""


class Broken(Exception):  # noqa: N818 - what an application raises is named as it likes
    """What the application raises."""


@dataclass(frozen=True)
class Subject:
    """One library. ``serve`` starts its application (below) with our hook in place and yields a way to call it.

    ``template`` is what the row of ``/ok/7`` is named after the method.
    """

    name: str
    serve: Callable[[], AbstractContextManager["Caller"]]
    template: str = "/ok/{number}"
    hooks: tuple[str, ...] = ()
    leaves_out: dict[str, str] = field(default_factory=dict)
    """Cases that cannot be had with this library, with the reason."""


class Caller:
    """Calls the application without any hook of ours: over plain ``http.client``."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, headers: dict[str, str] | None = None) -> "Answer":
        """The whole answer; a body that is cut short is what came of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            try:
                body = response.read()
            except (http.client.HTTPException, OSError):
                body = b""
            return Answer(response.status, dict(response.getheaders()), body)
        except (http.client.HTTPException, OSError):
            return Answer(0, {}, b"")
        finally:
            connection.close()

    def leave(self, path: str) -> None:
        """Begin to read an answer and go away."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path)
        connection.getresponse().read1(1)
        assert connection.sock is None or connection.sock.close() is None
        connection.close()


@dataclass(frozen=True)
class Answer:
    """``status`` is 0 where no answer came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, str]:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """Its value, whatever the case of its name."""
        return {key.lower(): value for key, value in self.headers.items()}.get(name)


def ok() -> dict[str, str]:
    """What ``/ok/{number}`` and ``/quiet`` answer: the headers that a call from there would carry."""
    with hopline.span("inside"):
        return dict(hopline.inject({}))


def lines() -> Iterator[str]:
    """The body of ``/stream``."""
    for text in LINES:
        with hopline.span("line"):
            pass
        yield text


def broken_lines() -> Iterator[str]:
    """The body of ``/stream-breaks``."""
    yield LINES[0]
    raise Broken("in the middle")


def endless_lines() -> Iterator[str]:
    """The body of ``/endless``."""
    until = time.monotonic() + ENDLESS_S
    while time.monotonic() < until:
        yield "line " * 2_000
        time.sleep(0.002)


def as_bytes(texts: Iterator[str]) -> Iterator[bytes]:
    """For frameworks that take bytes only."""
    for text in texts:
        yield text.encode()


def dumps(found: Any) -> bytes:
    """JSON as bytes."""
    return json.dumps(found).encode()
