"""Messages, judged in one place for every broker: names, tags, headers, and when the handling of one ends.

A producer row is a message sent, a consumer row the handling of one received: by a function that is called with it,
in a loop over a batch (:class:`Records`), or up to the next one that is asked for (:class:`Position`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from hopline import tracer as tracing
from hopline.context import Active, current
from hopline.hooks import outgoing
from hopline.hooks.guard import safely, span_or_noop
from hopline.noop import NOOP
from hopline.propagation.inbound import Headers
from hopline.spans import Span

SYSTEM: Final = "messaging.system"
OURS: Final = frozenset(outgoing.NAMES)
"""A message that is sent on with the headers it came with must not carry two contexts, which would count as none."""


def sending(system: str, destination: str, name: str = "") -> Span:
    """Producer row of one message, not yet begun; the no-op inside another call.

    ``name`` is what is sent where that is known better than by its queue: a task.
    """
    span = tracing.call(f"send {name or destination}", kind="producer", peer=destination, peer_kind="mq")
    span.tag(SYSTEM, system)
    return span


def handling(system: str, destination: str, headers: Headers, name: str = "") -> Span:
    """Consumer row of one message that came with ``headers``, not yet begun; the no-op where nothing is traced."""
    span = tracing.active().receive(f"process {name or destination}", headers, "consumer")
    span.peer, span.peer_kind = destination, "mq"
    span.tag(SYSTEM, system)
    return span


def carried(own: Iterable[tuple[str, Any]] | None, span: Span, host: str | None) -> list[tuple[str, Any]] | None:
    """The pairs of a message's ``own`` headers and those of ``span``, as bytes; ``None`` where there is none to add."""
    added = [(name, text.encode()) for name, text in outgoing.headers(span, host)]
    return [*(pair for pair in own or () if pair[0] not in OURS), *added] if added else None


class Position:
    """The message that a consumer is at: its row is current until the next one is asked for, or the consumer closed."""

    __slots__ = ("_before", "span")

    def __init__(self) -> None:
        self.span: Span | None = None
        self._before: Span | None = None

    def at(self, span: Span) -> None:
        """Be at the message of ``span``, begun: that row is current in the code that asked for it."""
        if span is not NOOP:
            self.note(span)
            current.set(span)

    def note(self, span: Span) -> None:
        """Be at the message of ``span``, which others are about to make current."""
        self.span, self._before = span, current.get()

    def leave(self, error: BaseException | None = None) -> None:
        """End the row; ``error`` is what leaves the loop when a consumer is closed in a ``finally``."""
        span, self.span = self.span, None
        if span is None:
            return
        if current.get() is span:
            before = self._before
            current.set(None if before is not None and before.end_ns else before)
        span.finish(error)


class Records(list[Any]):
    """The messages of a batch; the first iteration over them is their handling, by the row that ``begin`` makes."""

    __slots__ = ("_at", "_begin", "_processed")

    def __init__(self, records: Iterable[Any], at: Position, begin: Callable[[Any], Span]) -> None:
        super().__init__(records)
        self._at = at
        self._begin = begin
        self._processed = False

    def __iter__(self) -> Iterator[Any]:
        if self._processed:
            return super().__iter__()
        self._processed = True
        return safely(self._process) or super().__iter__()

    def _process(self) -> Iterator[Any]:
        for record in super().__iter__():
            span = span_or_noop(self._begin, record)
            self._at.note(span)
            with Active(span):
                try:
                    yield record
                except GeneratorExit:  # the loop was left at this record
                    safely(span.finish)
                    raise
            safely(span.finish)


def text_headers(found: Any) -> dict[str, str]:
    """What a message's mapping of headers, if it has one, says of its context."""
    return {name: str(value) for name in outgoing.NAMES if (value := found.get(name))} if hasattr(found, "get") else {}
