"""B3 headers, single and multi (https://github.com/openzipkin/b3-propagation)."""

import re
from typing import Final, NamedTuple

from hopline.vocabulary import DEBUG, SAMPLED

_TRACE: Final = re.compile(r"(?:[0-9a-fA-F]{16}){1,2}", re.ASCII)
_SPAN: Final = re.compile(r"[0-9a-fA-F]{16}", re.ASCII)
_STATES: Final = {"1": SAMPLED, "true": SAMPLED, "d": SAMPLED | DEBUG, "0": 0, "false": 0}


class B3(NamedTuple):
    """Ids as numbers, and flags of the model; ``None`` when the decision is left to us."""

    trace_id: int
    parent_id: int
    flags: int | None


def parse_single(header: str) -> B3 | None:
    """``{trace}-{span}[-{state}[-{parent}]]``; a bare state carries no ids, so it is no context."""
    parts = header.strip(" \t").split("-")
    if not 2 <= len(parts) <= 4:
        return None
    state = parts[2] if len(parts) > 2 else ""
    if state and state not in _STATES:
        return None
    return _checked(parts[0], parts[1], _STATES.get(state))


def decision(single: str, sampled: str, flags: str) -> int | None:
    """Flags of a sender that decides and gives no ids: ``b3: 0``, ``X-B3-Sampled: 1``, ``X-B3-Flags: 1``.

    ``None`` where it says nothing that is known.
    """
    state = single.strip() or ("d" if flags.strip() == "1" else sampled.strip().lower())
    return _STATES.get(state)


def parse_multi(trace_id: str, span_id: str, sampled: str, flags: str) -> B3 | None:
    """The ``X-B3-*`` headers; an absent one is the empty string."""
    state = "d" if flags.strip() == "1" else sampled.strip().lower()
    return _checked(trace_id.strip(" \t"), span_id.strip(" \t"), _STATES.get(state))


def _checked(trace: str, span: str, flags: int | None) -> B3 | None:
    if not _TRACE.fullmatch(trace) or not _SPAN.fullmatch(span):
        return None
    trace_id, span_id = int(trace, 16), int(span, 16)
    return B3(trace_id, span_id, flags) if trace_id and span_id else None


def write(style: str, trace_id: int, span_id: int, flags: int) -> list[tuple[str, str]]:
    """Headers in ``style`` single or multi."""
    state = "d" if flags & DEBUG else str(flags & SAMPLED)
    if style == "single":
        return [("b3", f"{trace_id:032x}-{span_id:016x}-{state}")]
    decision = ("X-B3-Flags", "1") if state == "d" else ("X-B3-Sampled", state)
    return [("X-B3-TraceId", f"{trace_id:032x}"), ("X-B3-SpanId", f"{span_id:016x}"), decision]
