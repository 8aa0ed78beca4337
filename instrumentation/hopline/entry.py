"""What all rows of one unit of work in this process share.

An entry is made for each server row, consumer row and root. Whatever is set on
it (baggage, uid, load test) reaches every context derived from it, in tasks and
threads alike, because they all hold the same object.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from hopline.ids import TRACE_BYTES, trace_hex
from hopline.model import LOAD_TEST, SAMPLED, WEIGHT_ONE
from hopline.propagation.baggage import Baggage, clean

if TYPE_CHECKING:
    from hopline.tracer import Tracer

NO_CALLER: Final = ("", "", "", "")
MAX_UID: Final = 256


class Entry:
    """Shared state of the rows under one server row, consumer row or root.

    ``epoch_ns`` turns readings of ``clock`` into nanoseconds since the epoch: the
    default clock is monotonic, so that a step of the wall clock bends no duration.
    ``operation`` names this work to callees; a web framework knows it only after
    routing, so it may be a function.
    """

    __slots__ = (
        "append",
        "baggage",
        "caller",
        "clock",
        "epoch_ns",
        "flags",
        "operation",
        "path",
        "random",
        "raw_id",
        "remote_id",
        "trace_id",
        "tracer",
        "tracestate",
        "uid",
        "weight",
    )

    def __init__(  # noqa: PLR0917 - keywords would cost a tenth of the root
        self,
        tracer: "Tracer",
        trace_id: int,
        operation: str,
        path: str = "0",
        remote_id: int = 0,
        flags: int = SAMPLED,
        weight: int = WEIGHT_ONE,
    ) -> None:
        self.tracer = tracer
        self.trace_id = trace_id
        self.operation: str | Callable[[], str] = operation
        self.path = path
        self.remote_id = remote_id
        self.flags = flags
        self.weight = weight
        self.random = 0
        self.raw_id = b""
        self.caller = NO_CALLER
        self.uid = ""
        self.baggage: Baggage | None = None
        self.tracestate: tuple[str, ...] = ()
        self.append = tracer.reporter.append
        self.clock: Callable[[], int] = tracer.clock
        self.epoch_ns = 0 if tracer.config.clock else tracer.reporter.epoch_ns

    @property
    def trace_hex(self) -> str:
        """The trace id as 32 hex digits."""
        return trace_hex(self.trace_id)

    @property
    def trace_bytes(self) -> bytes:
        """The trace id as 16 bytes; made once, for every row of the entry sends it."""
        if not self.raw_id:
            self.raw_id = self.trace_id.to_bytes(TRACE_BYTES, "big")
        return self.raw_id

    def put(self, key: str, value: str) -> None:
        """Let every later hop see ``key``."""
        self._own_baggage().put(key, value)
        self._declare(key, value)

    def put_once(self, key: str, value: str) -> None:
        """Let only the direct callees see ``key``."""
        self._own_baggage().put_once(key, value)

    def get(self, key: str) -> str | None:
        """What an earlier hop, or this one, put under ``key``."""
        return self.baggage.get(key) if self.baggage else None

    def receive(self, baggage: Baggage) -> None:
        """Take the baggage that came in."""
        self.baggage = baggage
        uid, load_test = baggage.get("uid"), baggage.get("load_test")
        if uid:
            self.uid = uid[:MAX_UID]
        if load_test:
            self._declare("load_test", load_test)

    def _own_baggage(self) -> Baggage:
        if self.baggage is None:
            config = self.tracer.config
            self.baggage = Baggage(config.baggage_bytes, self.tracer.counts.add)
        return self.baggage

    def _declare(self, key: str, value: str) -> None:
        """Copy a declared key to where each row finds it."""
        value = clean(value)
        if key == "uid":
            self.uid = value[:MAX_UID]
        elif key == "load_test":
            on = value.lower() not in {"", "0", "false"}
            self.flags = self.flags | LOAD_TEST if on else self.flags & ~LOAD_TEST
