"""From the headers of a request or message to the context that its sender was in."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hopline.propagation import b3, traceparent, tracestate
from hopline.propagation.baggage import Baggage
from hopline.propagation.tracestate import Hop
from hopline.vocabulary import DEBUG

HeaderPair = tuple[str | bytes, str | bytes]
Headers = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[HeaderPair]
"""What frameworks have: a mapping, or pairs of text or bytes."""

_NAMES: Final = (
    "traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags",
)  # fmt: skip
_KEYS: Final[dict[str | bytes, str]] = {
    **{name: name for name in _NAMES},
    **{name.encode(): name for name in _NAMES},
}
_LENGTHS: Final = frozenset(map(len, _NAMES))


class Remote:
    """The context of the sending row.

    ``flags`` are bits of the model, ``None`` when the sender left the decision to us. ``hop`` is our member,
    when it is about ``parent_id``; ``None`` behind a hop that does not know us. ``others`` are other vendors'
    tracestate members, and ``random`` the random flag of the ``traceparent``: both go on as they came.
    Without ids, which are 0 then, the sender only decided (B3 allows that). ``trusted`` says whether its word on
    its sampling rate, or on debugging, counts.
    """

    __slots__ = ("flags", "hop", "others", "parent_id", "random", "trace_id", "trusted")

    def __init__(  # noqa: PLR0917 - keywords would cost a tenth of an entry
        self,
        trace_id: int,
        parent_id: int,
        flags: int | None,
        hop: Hop | None,
        others: tuple[str, ...] = (),
        random: int = 0,
    ) -> None:
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.flags = flags
        self.hop = hop
        self.others = others
        self.random = random
        self.trusted = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Remote({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    @property
    def debug(self) -> bool:
        """Whether the sender forces this trace: by B3, or by our member beside a set sampled flag."""
        if not self.flags:
            return False
        return bool(self.flags & DEBUG) or (self.hop is not None and self.hop.debug and self.trusted)


def extract(headers: Headers, limit: int, counted: Callable[[str], None]) -> tuple[Remote | None, Baggage | None]:
    """The sender's context, if any is valid, and the baggage, which needs none.

    ``limit`` is for the baggage that goes on from here, in bytes. ``counted`` is
    told of each malformed header. Never raises on the content of a header.
    """
    found = collect(headers)
    if not found:
        return None, None
    remote = _from_w3c(found, counted) or _from_b3(found, counted)
    bags = found.get("baggage")
    baggage = Baggage.parse(bags, remote.parent_id if remote else 0, limit, counted) if bags else None
    return remote, baggage


def collect(headers: Headers) -> dict[str, list[str]]:
    """The headers that matter, by lower-case name."""
    found: dict[str, list[str]] = {}
    # Asking a list for its type first saves the check against the abstract class, a fifth of this function.
    is_pairs = type(headers) is list or not isinstance(headers, Mapping)
    pairs: Iterable[HeaderPair] = headers if is_pairs else headers.items()  # type: ignore[assignment, union-attr]
    for name, value in pairs:
        if len(name) not in _LENGTHS:
            continue
        key = _KEYS.get(name) or _KEYS.get(name.lower())
        if key is not None:
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            if key in found:
                found[key].append(text)
            else:
                found[key] = [text]
    return found


def _from_w3c(found: dict[str, list[str]], counted: Callable[[str], None]) -> Remote | None:
    values = found.get("traceparent")
    if not values:
        return None
    parent = traceparent.parse(values[0]) if len(values) == 1 else None
    if parent is None:
        counted("malformed_traceparent")
        return None
    trace_id, parent_id, flags = parent
    sampled, random = flags & traceparent.SAMPLED_FLAG, flags & traceparent.RANDOM_FLAG
    states = found.get("tracestate")
    if states is None:
        return Remote(trace_id, parent_id, sampled, None, (), random)
    hop, others, valid = tracestate.parse(states)
    if not valid:
        counted("malformed_tracestate")
    if hop is not None and hop.id != parent_id:
        counted("stale_hop")
        hop = None
    return Remote(trace_id, parent_id, sampled, hop, others, random)


def _from_b3(found: dict[str, list[str]], counted: Callable[[str], None]) -> Remote | None:
    """What the single header says, else the others: a malformed one counts as absent."""
    if "b3" in found:
        single = found["b3"][0]
        context, decided = b3.parse_single(single), b3.decision(single, "", "")
        if context is not None:
            return Remote(context.trace_id, context.parent_id, context.flags, None)
        if decided is not None:
            return Remote(0, 0, decided, None)
        counted("malformed_b3")
    names = ("x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags")
    trace_id, span_id, sampled, flags = (found.get(name, [""])[0] for name in names)
    if not trace_id:
        decided = b3.decision("", sampled, flags)
        return None if decided is None else Remote(0, 0, decided, None)
    context = b3.parse_multi(trace_id, span_id, sampled, flags)
    if context is None:
        counted("malformed_b3")
        return None
    return Remote(context.trace_id, context.parent_id, context.flags, None)
