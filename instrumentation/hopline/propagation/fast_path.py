"""The headers of a request from one of our own, read at the speed of C.

Nearly all requests inside a system carry exactly these: one ``traceparent`` of version 00, no
``tracestate`` or one that holds our member alone, no baggage or a few plain keys. For those a
handful of C calls prove that they are well-formed. Whatever is of another shape is left to
:mod:`hopline.propagation.inbound`, which knows all of them and gives the same answer to these.
"""

import re
from typing import Final

from hopline.ids import within_limits
from hopline.propagation import tracestate

MAX_KNOWN: Final = 4096
"""Callers remembered; then all are forgotten, and those that still call are learnt again."""

Caller = tuple[str, int, tuple[str, str, str, str]]
"""What ``hop`` says beside the id: path within the limits, weight, and service, instance, zone and operation."""

FastContext = tuple[bytes, bytes, int, Caller | None, bytes]
"""``traceparent``, ``baggage`` (empty without), the flags of the first, what ``hop`` says, and the uid where the
baggage is that alone. The texts are well-formed."""

NOTHING: Final[FastContext] = (b"", b"", 0, None, b"")
"""What :func:`read` finds where nothing came: the edge of the system."""

_B3: Final = ("b3", "x-b3-traceid", "x-b3-sampled", "x-b3-flags")
_ALONE: Final = frozenset(["traceparent", "baggage", b"baggage", *_B3, *(name.encode() for name in _B3)])
"""What counts without a ``traceparent`` in bytes."""

_PARENT: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]").fullmatch
_MEMBER: Final = rb"(?!hop1\.)[\w.-]{1,64}=[\w.:/-]{0,256}"
_UID: Final = re.compile(rb"uid=([\w.:/-]{0,256})").fullmatch
_BAGGAGE: Final = re.compile(_MEMBER + rb"(?:," + _MEMBER + rb"){0,7}").fullmatch

_known: dict[bytes, Caller] = {}
"""By the text of ``hop`` after its id: one place of one caller looks the same each time."""


def read(headers: object) -> FastContext | None:
    """What ``headers`` say (pairs of bytes, names in lower case, as ASGI has them), if they are of the common shape."""
    if type(headers) is not list:
        return None
    try:
        found = dict(headers)
        parent = found.get(b"traceparent")
        if parent is None:
            return NOTHING if _ALONE.isdisjoint(found) else None
        # A header that came twice is for others to judge.
        if len(found) != len(headers) or _PARENT(parent) is None:
            return None
        caller = None
        state = found.get(b"tracestate")
        if state is not None:
            if state[:20] != b"hop=" + parent[36:52]:
                return None
            caller = _known.get(state[20:]) or _learn(state)
            if caller is None:
                return None
        baggage = found.get(b"baggage")
        uid = b""
        if baggage is None:
            baggage = b""
        else:
            alone = _UID(baggage)
            if alone is not None:
                uid = alone[1]
            elif _BAGGAGE(baggage) is None:
                return None
    except (TypeError, ValueError):  # no pairs, or pairs of something else
        return None
    return parent, baggage, parent[54] & 3, caller, uid


def _learn(state: bytes) -> Caller | None:
    """Parse a ``hop`` member that stands alone, and remember it when it is well-formed."""
    text = state.decode("latin-1")
    hop = None if "," in text else tracestate.parse_hop(text[4:])
    if hop is None or hop.debug or not within_limits(hop.path):
        return None
    if len(_known) >= MAX_KNOWN:
        _known.clear()
    caller = _known[state[20:]] = (hop.path, hop.weight, (hop.service, hop.instance, hop.zone, hop.operation))
    return caller
