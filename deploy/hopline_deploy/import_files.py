"""Reading files of spans: JSON or JSON lines, gzipped or not, of Hopline, Zipkin (v2, v1) or OpenTelemetry (OTLP)."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, cast

import msgspec

NATIVE: Final = "native"
ZIPKIN: Final = "zipkin"
ZIPKIN_V1: Final = "zipkin v1"
OTLP: Final = "otlp"

_GZIP: Final = b"\x1f\x8b"


class FileError(ValueError):
    """A file, or a line of one, that holds no spans we know; the message says where."""


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it stands in a file."""

    form: str
    raw: msgspec.Raw
    start_us: int
    """0 where it tells none that can be read."""
    context: tuple[bytes, ...] = ()
    """What stands around it: the process of our rows; resource and scope of OTLP."""


_ABSENT: Final = msgspec.Raw()


class _Peek(msgspec.Struct, rename={"trace": "traceId", "binary": "binaryAnnotations", "resources": "resourceSpans"}):
    trace_id: msgspec.Raw = _ABSENT
    start_us: Any = None
    rows: list[msgspec.Raw] | None = None
    process: msgspec.Raw = _ABSENT
    trace: msgspec.Raw = _ABSENT
    timestamp: Any = None
    binary: msgspec.Raw = _ABSENT
    resources: list[msgspec.Raw] | None = None


class _Scope(msgspec.Struct):
    scope: msgspec.Raw = msgspec.Raw(b"{}")
    spans: list[msgspec.Raw] = []


class _Resource(msgspec.Struct, rename={"scopes": "scopeSpans"}):
    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scopes: list[_Scope] = []


class _OtlpSpan(msgspec.Struct, rename={"start": "startTimeUnixNano"}):
    start: Any = None


def spans_of(path: Path, advance: Callable[[int], None]) -> Iterator[Span]:
    """Every span of a file, in its order. ``advance`` is told of each byte read from the disk.

    Raises :class:`FileError` at the first thing that is no span, OSError where the disk refuses.
    """
    with path.open("rb") as stream:
        yield from spans_in(stream, str(path), advance)


def spans_in(stream: BufferedReader, name: str, advance: Callable[[int], None]) -> Iterator[Span]:
    """The same of an open file that is called ``name``."""
    packed = stream.peek(2)[:2] == _GZIP
    # A gzip file reads like a plain one.
    lines = cast("BufferedReader", gzip.GzipFile(fileobj=stream)) if packed else stream
    read = 0
    for place, document in _documents(name, lines):
        advance(stream.tell() - read)
        read = stream.tell()
        try:
            yield from _spans(msgspec.Raw(document))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise FileError(f"{place}: {error}") from error
        except FileError as error:
            raise FileError(f"{place}: {error}") from None


def _documents(name: str, stream: BufferedReader) -> Iterator[tuple[str, bytes]]:
    """``(place, JSON)``: each line where the first one is whole, else the file as one."""
    try:
        first = b""
        number = 0
        while not first.strip():
            first = stream.readline()
            number += 1
            if not first:
                raise FileError(f"{name} is empty")
        if not _is_whole(first):
            yield name, first + stream.read()
            return
        yield f"{name}, line {number}", first
        for line in stream:
            number += 1
            if line.strip():
                yield f"{name}, line {number}", line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(f"{name}: {error}") from error


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeError):
        return False
    return True


def _spans(document: msgspec.Raw) -> Iterator[Span]:
    """Spans of one JSON value: a span, an envelope, or lists of them."""
    waiting = [document]
    while waiting:
        found = waiting.pop()
        if bytes(found).lstrip()[:1] == b"[":
            waiting.extend(reversed(msgspec.json.decode(found, type=list[msgspec.Raw])))
        else:
            yield from _of_object(found)


def _of_object(raw: msgspec.Raw) -> Iterator[Span]:
    peek = msgspec.json.decode(raw, type=_Peek)
    if peek.resources is not None:
        for resource in peek.resources:
            yield from _of_resource(resource)
    elif peek.rows is not None:
        process = bytes(peek.process) or b"{}"
        for row in peek.rows:
            yield Span(NATIVE, row, _number(msgspec.json.decode(row, type=_Peek).start_us), (process,))
    elif bytes(peek.trace):
        form = ZIPKIN_V1 if bytes(peek.binary) else ZIPKIN
        yield Span(form, raw, _number(peek.timestamp))
    elif bytes(peek.trace_id) and peek.start_us is not None:
        yield Span(NATIVE, raw, _number(peek.start_us), (b"{}",))
    else:
        raise FileError("neither rows of Hopline nor spans of Zipkin or OpenTelemetry")


def _of_resource(raw: msgspec.Raw) -> Iterator[Span]:
    resource = msgspec.json.decode(raw, type=_Resource)
    for scope in resource.scopes:
        context = (bytes(resource.resource), bytes(scope.scope))
        for span in scope.spans:
            start = msgspec.json.decode(span, type=_OtlpSpan).start
            yield Span(OTLP, span, _number(start) // 1_000, context)


def _number(value: Any) -> int:
    """Microseconds or nanoseconds as they may be written: a number, or its digits as text."""
    try:
        return max(int(value), 0)
    except (TypeError, ValueError, OverflowError):
        return 0
