"""What all rows of one unit of work in this process share.

An entry is made for each server row, consumer row and root. Whatever is set on
it (baggage, uid, load test) reaches every context derived from it, in tasks and
threads alike, because they all hold the same object.
"""

from collections.abc import Callable
from typing import Final

from hopline.ids import TRACE_BYTES
from hopline.locks import creation_lock
from hopline.process import Process
from hopline.propagation.baggage import Baggage, clean
from hopline.vocabulary import LOAD_TEST, SAMPLED, WEIGHT_ONE

NO_CALLER: Final = ("", "", "", "")
MAX_UID: Final = 256


class Entry:
    """Shared state of the rows under one server row, consumer row or root.

    ``operation`` names this work to callees; a web framework knows it only after
    routing, so it may be a function.
    """

    __slots__ = (
        "_baggage",
        "_trace_id",
        "append",
        "caller",
        "clock",
        "epoch_ns",
        "flags",
        "operation",
        "path",
        "plain",
        "process",
        "random",
        "raw_id",
        "remote_id",
        "told",
        "tracestate",
        "uid",
        "weight",
    )

    def __init__(  # noqa: PLR0917 - keywords would cost a tenth of the root
        self,
        process: Process,
        trace_id: int,
        operation: str | Callable[[], str],
        path: str = "0",
        remote_id: int = 0,
        flags: int = SAMPLED,
        weight: int = WEIGHT_ONE,
    ) -> None:
        self.process = process
        self._trace_id = trace_id
        self.operation = operation
        self.path = path
        self.remote_id = remote_id
        self.flags = flags
        self.weight = weight
        self.random = 0
        self.told = 0
        self.raw_id = b""
        self.caller = NO_CALLER
        self.uid = ""
        self._baggage: Baggage | None = None
        self.plain = b""
        """Baggage that came in well-formed and that nobody has asked for yet."""
        self.tracestate: tuple[str, ...] = ()
        self.append = process.append
        self.clock = process.clock
        self.epoch_ns = process.epoch_ns

    @property
    def trace_id(self) -> int:
        """The trace id as a number; made when first asked for where it came in as ``raw_id``."""
        if not self._trace_id:
            self._trace_id = int.from_bytes(self.raw_id, "big")
        return self._trace_id

    @property
    def trace_hex(self) -> str:
        """The trace id as 32 hex digits."""
        return self.trace_bytes.hex()

    @property
    def trace_bytes(self) -> bytes:
        """The trace id as 16 bytes; made once, for every row of the entry sends it."""
        if not self.raw_id:
            self.raw_id = self._trace_id.to_bytes(TRACE_BYTES, "big")
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

    @property
    def baggage(self) -> Baggage | None:
        """What travels with the work; what came in is parsed when first asked for."""
        if self.plain:
            with creation_lock:
                if self.plain:
                    self._baggage = Baggage.of_plain(self.plain.decode(), *self._baggage_options())
                    self.plain = b""
        return self._baggage

    @baggage.setter
    def baggage(self, baggage: Baggage | None) -> None:
        self._baggage = baggage

    def baggage_header(self, sender_id: int) -> str:
        """The ``baggage`` header of a call of row ``sender_id``; what nobody touched goes on as it came."""
        plain = self.plain
        if plain and len(plain) <= self.process.config.baggage_bytes:
            return plain.decode()
        return self.baggage.write(sender_id) if self.baggage is not None else ""

    def receive(self, baggage: Baggage) -> None:
        """Take the baggage that came in."""
        self._baggage = baggage
        uid, load_test = baggage.get("uid"), baggage.get("load_test")
        if uid:
            self.uid = uid[:MAX_UID]
        if load_test:
            self._declare("load_test", load_test)

    def receive_plain(self, plain: bytes) -> None:
        """Take baggage, other than a uid alone, that the fast path has read (:mod:`hopline.propagation.fast_path`)."""
        if b"," in plain or plain.startswith(b"load_test="):
            self.receive(Baggage.of_plain(plain.decode(), *self._baggage_options()))
        else:
            self.plain = plain

    def _own_baggage(self) -> Baggage:
        with creation_lock:
            if self.baggage is None:
                self._baggage = Baggage(*self._baggage_options())
            assert self._baggage is not None
            return self._baggage

    def _baggage_options(self) -> tuple[int, Callable[[str], None]]:
        return self.process.config.baggage_bytes, self.process.counts.add

    def _declare(self, key: str, value: str) -> None:
        """Copy a declared key to where each row finds it."""
        value = clean(value)
        if key == "uid":
            self.uid = value[:MAX_UID]
        elif key == "load_test":
            on = value.lower() not in {"", "0", "false"}
            self.flags = self.flags | LOAD_TEST if on else self.flags & ~LOAD_TEST
