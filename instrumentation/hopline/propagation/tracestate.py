"""W3C trace-context, header ``tracestate``, and our member ``hop`` in it (docs/header.md)."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from hopline.ids import PATH
from hopline.text import quote, unquote
from hopline.vocabulary import WEIGHT_MAX, WEIGHT_ONE

MAX_MEMBERS: Final = 32
MAX_HOP: Final = 256
MAX_HEADER: Final = 8192
_DEBUG: Final = "d"

_ID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_REST: Final = re.compile(rf"({PATH})(?:;([0-9]{{0,8}})(;[\x20-\x2b\x2d-\x3c\x3e-\x7e]*)?)?", re.ASCII)

# Keys as in level 2, where "@" is one of their characters and a digit may be the first.
_KEY: Final = r"[a-z0-9][a-z0-9_\-*/@]{0,255}"
_MEMBER: Final = re.compile(_KEY + r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]", re.ASCII)


class Hop(NamedTuple):
    """Our member: what the calling row tells the row it causes."""

    id: int
    path: str
    weight: int = WEIGHT_ONE
    service: str = ""
    zone: str = ""
    instance: str = ""
    operation: str = ""
    debug: bool = False


_new_hop = tuple.__new__  # half the price of the named tuple's own constructor


class TraceState(NamedTuple):
    """A valid header: our member, if any, and the others as they came."""

    hop: Hop | None
    others: tuple[str, ...]
    valid: bool


EMPTY: Final = TraceState(None, (), valid=True)
INVALID: Final = TraceState(None, (), valid=False)


def parse(headers: Sequence[str]) -> TraceState:
    """All ``tracestate`` headers of a request, joined; an invalid list counts for nothing."""
    joined = headers[0] if len(headers) == 1 else ",".join(headers)
    if not joined:
        return EMPTY
    if joined.startswith("hop=") and "," not in joined:  # the commonest: one caller of ours
        hop = parse_hop(joined[4:])
        return TraceState(hop, (), True) if hop is not None else INVALID
    members = [part for part in (part.strip(" \t") for part in joined.split(",")) if part]
    if len(joined) > MAX_HEADER or len(members) > MAX_MEMBERS or not all(map(_MEMBER.fullmatch, members)):
        return INVALID
    ours = [member for member in members if member.startswith("hop=")]
    others = tuple(member for member in members if not member.startswith("hop="))
    hop = parse_hop(ours[0][4:]) if ours else None
    return TraceState(hop, others, valid=not ours or hop is not None)


def parse_hop(value: str) -> Hop | None:
    """The fields of our member, or ``None`` when it is malformed."""
    number, _, rest = value.partition(";")
    fields = _fields(rest) if len(value) <= MAX_HOP and _ID.fullmatch(number) else None
    return _new_hop(Hop, (int(number, 16), *fields)) if fields is not None else None


@lru_cache(maxsize=4096)
def _fields(text: str) -> tuple[str, int, str, str, str, str, bool] | None:
    """All but the id. A caller's call at the same place looks the same each time, so it is parsed once."""
    match = _REST.fullmatch(text)
    if match is None:
        return None
    path, weight, names = match.groups()
    thousandths = int(weight) if weight else WEIGHT_ONE
    if not WEIGHT_ONE <= thousandths <= WEIGHT_MAX:
        return None
    fields = (names or "").split(";")[1:6]
    service, zone, instance, operation, flags = fields + [""] * (5 - len(fields))
    return path, thousandths, unquote(service), unquote(zone), unquote(instance), unquote(operation), flags == _DEBUG


def otel_weight(others: Iterable[str]) -> int | None:
    """The weight in thousandths that OpenTelemetry's member says (``ot=th:c``), or ``None``.

    ``th`` is the rejection threshold, a fraction of 2**56 in hex without trailing zeros
    (https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/).
    """
    for member in others:
        if member.startswith("ot="):
            fields = dict(field.partition(":")[::2] for field in member[3:].split(";"))
            threshold = fields.get("th", "")
            if re.fullmatch(r"[0-9a-f]{1,14}", threshold, re.ASCII):
                rate = 1 - int(threshold.ljust(14, "0"), 16) / (1 << 56)
                return min(WEIGHT_MAX, round(WEIGHT_ONE / rate)) if rate > 0 else WEIGHT_MAX
    return None


def write(hop: Hop, others: tuple[str, ...]) -> str:
    """The header: our member first, then the others in their order, 32 at most."""
    value = write_hop(hop)
    return ",".join((value, *others[: MAX_MEMBERS - 1])) if others else value


def write_hop(hop: Hop) -> str:
    """Our member; operation, instance, then caller service are dropped until it fits."""
    weight = "" if hop.weight == WEIGHT_ONE else str(hop.weight)
    fixed = f"{hop.id:016x};{hop.path};{weight}"
    service, zone, instance, operation = map(_encode, hop[3:7])
    flags = f";{_DEBUG}" if hop.debug else ""
    value = fixed
    for fields in (
        (service, zone, instance, operation),
        (service, zone, instance, ""),
        (service, zone, "", ""),
        ("", zone, "", ""),
        ("", "", "", ""),
    ):
        value = f"{';'.join((fixed, *fields))}{flags}".rstrip(";")
        if len(value) <= MAX_HOP:
            break
    return "hop=" + value


@lru_cache(maxsize=2048)
def _encode(text: str) -> str:
    """Percent-encoded UTF-8; operations repeat, so the work is done once for each."""
    return quote(text[:MAX_HOP], colon=True)
