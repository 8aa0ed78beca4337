"""Spans that record nothing: the shared no-op, and the root of an unsampled trace."""

from types import TracebackType
from typing import Any, ClassVar, Final, Self

from hopline.context import current
from hopline.entry import Entry
from hopline.ids import CHILD_NUMBERS, span_hex
from hopline.spans import Detail, Span
from hopline.text import as_text
from hopline.vocabulary import SAMPLED


class NoopSpan(Span):
    """Takes everything and keeps nothing. One object serves all."""

    __slots__ = ()

    recording: ClassVar[bool] = False

    def __init__(self) -> None:
        self.name = self.kind = self.uid = self.path = ""
        self.start_ns = self.end_ns = self.id_int = self.ordinal = 0
        self.parent = self.numbers = self.rare = None

    def __enter__(self) -> Self:
        """Change nothing."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Change nothing."""

    def begin(self) -> None:
        """Change nothing."""

    def finish(self, error: BaseException | None = None) -> None:
        """Change nothing."""

    def tag(self, key: str, value: Any) -> None:
        """Change nothing."""

    def attr(self, key: str, value: Any) -> None:
        """Change nothing."""

    def annotate(self, key: str, value: Any = "") -> None:
        """Change nothing."""

    def link(self, trace_id: str, span_id: str, kind: str) -> None:
        """Change nothing."""

    def fail(self, error_type: str, text: str = "") -> None:
        """Change nothing."""

    def set_attempt(self, attempt: int) -> None:
        """Change nothing."""

    def set_uid(self, uid: Any) -> None:
        """Name the user on every later call: ids and baggage travel unsampled too."""
        span = current.get()
        if span is not None and span is not NOOP:
            span.entry.put("uid", as_text(uid))

    @property
    def tags(self) -> dict[str, str]:  # type: ignore[override]
        """A fresh empty dictionary: nothing is kept."""
        return {}

    @property
    def detail(self) -> Detail:
        """A fresh empty detail: nothing is kept."""
        return Detail()

    @property
    def trace_id(self) -> str:
        """Of the unsampled trace, or empty outside any trace."""
        span = current.get()
        return "" if span is None or span is NOOP else span.entry.trace_hex

    @property
    def id(self) -> str:
        """Empty: there is no row."""
        return ""

    @property
    def parent_id(self) -> str | None:
        """Nothing: there is no row."""
        return None

    @property
    def span_id(self) -> str:
        """Of the unsampled trace's root, or empty outside any trace."""
        span = current.get()
        return "" if span is None or span is NOOP else span.span_id

    @property
    def flags(self) -> int:
        """Nothing set."""
        return 0

    def numbering(self) -> Span | None:
        """Nothing numbers here."""
        return None


class UnsampledSpan(NoopSpan):
    """Root of an unsampled trace: keeps ids and baggage in the context, records nothing."""

    __slots__ = ()

    def __init__(self, entry: Entry, new_id: int, kind: str = "") -> None:
        super().__init__()
        self.entry = entry
        self.kind = kind
        self._previous = None
        self.id_int = new_id
        self.path = entry.path
        self.numbers = iter(CHILD_NUMBERS)

    def __enter__(self) -> Self:
        """Become the current span."""
        self._previous = current.get()
        current.set(self)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Make the span before this one current again."""
        if current.get() is self:
            current.set(self._previous)
        self.end_ns = 1

    def finish(self, error: BaseException | None = None) -> None:  # noqa: ARG002 - no row that it could fail
        """What this stands for is over."""
        self.end_ns = 1

    def set_uid(self, uid: Any) -> None:
        """Name the user on every later call."""
        self.entry.put("uid", as_text(uid))

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return self.entry.trace_hex

    @property
    def id(self) -> str:
        """16 hex digits: what callees see as their parent."""
        return span_hex(self.id_int)

    @property
    def span_id(self) -> str:
        """The path of the root."""
        return self.path

    @property
    def flags(self) -> int:
        """Bits of :mod:`hopline.model`, without the sampled bit."""
        return self.entry.flags & ~SAMPLED


class IgnoredSpan(UnsampledSpan):
    """Stands for a request that the settings ignore: what happens below it makes no row, here and at its callees."""

    __slots__ = ()


NOOP: Final = NoopSpan()
"""The span of everything that is not recorded."""
