"""Spans: the handle of one row while its work runs.

The hot path of the client. A span writes plain attributes and appends itself to
the reporter's buffer when it begins; the sender thread takes it from there,
waits for its end, and does everything else: path text, caps, masks, encoding.
"""

import sys
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import chain
from operator import length_hint
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from hopline.entry import Entry
from hopline.ids import CHILD_NUMBERS, MAX_DEPTH, MAX_PATH, MOST_CHILDREN, span_hex, within_limits
from hopline.locks import creation_lock
from hopline.stack_trace import STACK_ATTR, stack_of
from hopline.text import as_text
from hopline.vocabulary import CALL_KINDS, Annotation, Link

MAX_TAGS: Final = 64
MAX_ANNOTATIONS: Final = 128
MAX_LINKS: Final = 128
_DIGITS_OF_CHILD: Final = 7

current: ContextVar["Span | None"] = ContextVar("hopline_current_span", default=None)
"""The one context variable: the span that the running code belongs to.

Its value is a recording span, the root of an unsampled trace, the shared no-op
(nothing is to be traced here: our own sender thread), or ``None`` (no trace).
"""

# Bound once: looking the methods up costs each span a tenth.
get_current: Final = current.get
set_current: Final = current.set

QUIET: Final = (GeneratorExit, SystemExit)
"""Exceptions that end a span without marking it as failed."""


def is_cancellation(error: BaseException) -> bool:
    """Whether ``error`` is asyncio's, which is not imported for this: whoever raised it has done so."""
    asyncio_errors = sys.modules.get("asyncio.exceptions")
    return asyncio_errors is not None and isinstance(error, asyncio_errors.CancelledError)


class LastNumbers:
    """Child numbers of a row so deep that some child's path would pass the limits: those end the iteration."""

    __slots__ = ("_next", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._next = 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        with creation_lock:  # a lock of its own might be held for ever in a forked child
            if not within_limits(f"{self._path}.{self._next}"):
                raise StopIteration
            self._next += 1
            return self._next - 1

    def __length_hint__(self) -> int:
        return MOST_CHILDREN + 1 - self._next


class Detail:
    """What most rows do not have."""

    __slots__ = (
        "annotations",
        "attempt",
        "attrs",
        "error",
        "error_text",
        "error_type",
        "links",
        "overflow",
        "peer",
        "peer_kind",
    )

    def __init__(self) -> None:
        self.annotations: list[Annotation] = []
        self.attrs: dict[str, str] = {}
        self.links: list[Link] = []
        self.error = False
        self.error_type = ""
        self.error_text = ""
        self.attempt = 0
        self.overflow = 0
        self.peer = ""
        self.peer_kind = ""


class Span:
    """One side of a call, being recorded. Use it with ``with`` or ``async with``.

    ``kind``, ``name``, ``peer`` and ``peer_kind`` may be changed until it ends.
    """

    __slots__ = (
        "_previous",
        "end_ns",
        "entry",
        "id_int",
        "kind",
        "name",
        "numbers",
        "ordinal",
        "parent",
        "path",
        "rare",
        "start_ns",
        "tags",
        "uid",
    )

    recording: ClassVar[bool] = True
    """Whether anything set here is kept."""

    def __init__(  # noqa: PLR0917 - keywords would cost a tenth of the span
        self,
        entry: Entry,
        parent: "Span | None",
        number: int,
        new_id: int,
        name: str,
        kind: str,
        tags: dict[str, str],
    ) -> None:
        self.entry = entry
        self.parent = parent
        self.ordinal = number
        self.id_int = new_id
        self.name = name
        self.kind = kind
        self.tags = tags
        self.uid = entry.uid
        self.end_ns = 0
        self.path = ""
        self.numbers: Iterator[int] | None = None
        self.rare: Detail | None = None

    def __enter__(self) -> Self:
        """Begin now and become the current span."""
        entry = self.entry
        self._previous = get_current()
        set_current(self)
        self.start_ns = entry.clock()
        entry.append(self)  # last: the sender may look at once
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End now; an exception is noted and goes on unchanged."""
        end = self.entry.clock()
        if get_current() is self:
            previous = self._previous
            set_current(previous if previous is None or not previous.end_ns else still_open(previous, self))
        else:
            self.leave()
        if exc is not None:
            self.record_exception(exc)
        self.end_ns = end

    def leave(self) -> None:
        """End out of order: another span is current, opened since this one or in another context.

        One opened since stays current while it is open, unless this was the entry: below an ended entry nothing is
        left to belong to, though a generator that nobody runs to its end may hold a span. In another context, where
        a generator may be closed, nothing changes.
        """
        inner = get_current()
        while inner is not None and inner is not self:
            inner = getattr(inner, "_previous", None)
        if inner is self and self.parent is None:
            set_current(still_open(self._previous, self))

    async def __aenter__(self) -> Self:
        """As ``with``."""
        return self.__enter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """As ``with``."""
        self.__exit__(exc_type, exc, traceback)

    def begin(self) -> None:
        """Begin now without becoming the current span; end it with :meth:`finish`."""
        self.start_ns = self.entry.clock()
        self.entry.append(self)

    def finish(self, error: BaseException | None = None) -> None:
        """End a span that was begun with :meth:`begin`, once; further calls change nothing."""
        if not self.end_ns:
            if error is not None:
                self.record_exception(error)
            self.end_ns = self.entry.clock()

    def tag(self, key: str, value: Any) -> None:
        """Set a searchable tag; the value is stored as text."""
        if type(value) is not str:
            value = as_text(value)
        tags = self.tags
        tags[key] = value
        if len(tags) > MAX_TAGS:
            del tags[key]
            self.detail.overflow += 1

    def attr(self, key: str, value: Any) -> None:
        """Set a tag of high entropy (url, query text): shown, but kept out of the index."""
        attrs = self.detail.attrs
        if len(attrs) < MAX_TAGS or key in attrs:
            attrs[key] = as_text(value)
        else:
            self.detail.overflow += 1

    def annotate(self, key: str, value: Any = "") -> None:
        """Add a note with the present time."""
        notes = self.detail.annotations
        if len(notes) < MAX_ANNOTATIONS:
            notes.append(((self.entry.clock() + self.entry.epoch_ns) // 1000, as_text(key), as_text(value)))
        else:
            self.detail.overflow += 1

    def set_uid(self, uid: Any) -> None:
        """Name the user on this row, on the entry row and on every later call."""
        text = as_text(uid)
        self.entry.put("uid", text)
        self.uid = self.entry.uid

    def link(self, trace_id: str, span_id: str, kind: str) -> None:
        """Note another span (32 hex, 16 hex, its kind) that this one belongs with."""
        if len(self.detail.links) < MAX_LINKS:
            self.detail.links.append((trace_id, span_id, kind))
        else:
            self.detail.overflow += 1

    def fail(self, error_type: str, text: str = "") -> None:
        """Mark the row as failed."""
        detail = self.detail
        detail.error, detail.error_type, detail.error_text = True, error_type, text

    def record_exception(self, error: BaseException) -> None:
        """Mark the row as failed by ``error``, unless that only ends the work quietly.

        Cancelling is such an end for local work; a call or a request that is cancelled has no answer.
        """
        if not (isinstance(error, QUIET) or (self.kind == "local" and is_cancellation(error))):
            self.fail(type(error).__qualname__, as_text(error))
            entry = self.entry
            if entry.process.config.stack_traces and entry.told != id(error):  # the innermost row tells it for all
                entry.told = id(error)
                self.attr(STACK_ATTR, stack_of(error))

    def set_attempt(self, attempt: int) -> None:
        """Number this retry; 0 is the first attempt."""
        self.detail.attempt = attempt

    @property
    def detail(self) -> Detail:
        """The rarer fields, made when first asked for."""
        if self.rare is None:
            self.rare = Detail()
        return self.rare

    @property
    def peer(self) -> str:
        """Far end of an outgoing call; the topic of a producer or consumer row."""
        return self.rare.peer if self.rare is not None else ""

    @peer.setter
    def peer(self, peer: str) -> None:
        self.detail.peer = peer

    @property
    def peer_kind(self) -> str:
        """What the peer is: service, db, mq, cache, external."""
        return self.rare.peer_kind if self.rare is not None else ""

    @peer_kind.setter
    def peer_kind(self, peer_kind: str) -> None:
        self.detail.peer_kind = peer_kind

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        entry = self.entry
        return (entry.raw_id or entry.trace_bytes).hex()

    @property
    def id(self) -> str:
        """16 hex digits."""
        return span_hex(self.id_int)

    @property
    def parent_id(self) -> str | None:
        """16 hex digits of the row that caused this one."""
        number = self.parent.id_int if self.parent else self.entry.remote_id
        return span_hex(number) if number else None

    @property
    def span_id(self) -> str:
        """The path: ``0``, ``0.1``, ``0.1.1``."""
        if not self.path:
            parent = self.parent
            self.path = f"{parent.span_id}.{self.ordinal}" if parent else self.entry.path
        return self.path

    @property
    def flags(self) -> int:
        """Bits of :mod:`hopline.model`."""
        return self.entry.flags

    def numbering(self) -> "Span | None":
        """The row that numbers what happens under this one, with its counter open.

        A client or producer row hands its own path on, so the row above it numbers
        (``None``: there is none).
        """
        row: Span | None = self
        while row is not None and row.kind in CALL_KINDS:
            row = row.parent
        if row is not None and row.numbers is None:
            path = row.span_id
            with creation_lock:
                if row.numbers is None:
                    near_limit = path.count(".") >= MAX_DEPTH - 1 or len(path) > MAX_PATH - 1 - _DIGITS_OF_CHILD
                    row.numbers = LastNumbers(path) if near_limit else iter(CHILD_NUMBERS)
        return row

    @property
    def children(self) -> int:
        """How many child numbers were handed out so far."""
        return MOST_CHILDREN - length_hint(self.numbers, MOST_CHILDREN) if self.numbers is not None else 0


def next_number(row: Span) -> int:
    """The next child number of ``row``, whose counter is open; 0 at its end."""
    numbers = row.numbers
    return 0 if numbers is None else next(numbers, 0) or next(numbers, 0)


def notice_first_child(span: Span | None) -> None:
    """Let the next child of ``span``, and of each row above it, take the slow path: a forked child has no sender yet.

    A counter that gives 0 once does that (:func:`hopline.tracer.slow_path_child`), and goes on where it was.
    """
    while span is not None:
        if span.numbers is not None:
            span.numbers = chain((0,), span.numbers)
        span = span.parent


def still_open(span: Span | None, inner: Span) -> Span | None:
    """``span``, which was current before ``inner``, or what was before it where it has ended since ``inner`` began.

    A span that had ended before then was current on purpose: a task goes on after the request that made it.
    """
    began = getattr(inner, "start_ns", 0)  # of one that broke before it began there is none
    while span is not None and began and span.end_ns > began:
        span = getattr(span, "_previous", None)
    return span
