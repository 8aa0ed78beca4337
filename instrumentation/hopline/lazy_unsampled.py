"""The span of an unsampled request whose context nobody may ever ask for."""

from collections.abc import Callable

from hopline.entry import Entry
from hopline.ids import CHILD_NUMBERS, FRAGMENT, random_bits
from hopline.locks import creation_lock
from hopline.noop import UnsampledSpan
from hopline.process import Process
from hopline.propagation.fast_path import FastContext

ReadEntry = Callable[[FastContext, str | None, Callable[[], str]], Entry]


class LazyUnsampledSpan(UnsampledSpan):
    """Root of an unsampled trace that came in by headers that the fast path has read.

    They are known to be well-formed, so most of what they say is read (by ``read``) only when a
    call, a log line or the application asks for it: many requests end without.
    """

    __slots__ = ("_known", "_made", "_operation", "_process", "_read", "_sender")

    def __init__(
        self,
        process: Process,
        read: ReadEntry,
        known: FastContext,
        sender: str | None,
        operation: Callable[[], str],
    ) -> None:
        self.name = self.uid = self.path = ""
        self.kind = "server"
        self.start_ns = self.end_ns = self.ordinal = 0
        self.parent = self.rare = self._previous = None
        self._made: Entry | None = None
        self.id_int = random_bits(64)
        self.numbers = iter(CHILD_NUMBERS)
        self._process = process
        self._read = read
        self._known = known
        self._operation = operation
        self._sender = sender

    @property
    def entry(self) -> Entry:  # type: ignore[override]
        """Made when first asked for; one for all threads, since whatever is put there must reach them all."""
        if self._made is None:
            with creation_lock:
                if self._made is None:
                    self._made = self._make()
        return self._made

    def _make(self) -> Entry:
        try:
            return self._read(self._known, self._sender, self._operation)
        except Exception:  # whoever asks is the application
            self._process.counts.add("client_errors")
            return Entry(self._process, int(self._known[0][3:35], 16), self._operation, FRAGMENT, 0, 0)

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return self._known[0][3:35].decode()

    @property
    def span_id(self) -> str:
        """The path of the root."""
        return self.entry.path
