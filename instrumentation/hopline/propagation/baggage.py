"""W3C baggage (https://www.w3.org/TR/baggage/) with keys that live for one hop.

``put_once`` travels as ``hop1.<id of the sending row>.<key>``. A hop that does
not know us passes it on, but then that id is no longer the inbound parent id,
and the next of ours removes it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from hopline.text import quote, unquote

ONCE_PREFIX: Final = "hop1."
MAX_HEADER: Final = 8192
MAX_MEMBERS: Final = 180
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}", re.ASCII)
_PLAIN: Final = re.compile(r"([\w.-]{1,64})=([\w.:/-]{0,256})", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ONCE_OVERHEAD: Final = len(ONCE_PREFIX) + 17


def clean(value: str) -> str:
    """``value`` without control characters or lone surrogates: it becomes a header and a log line elsewhere."""
    return value if value.isprintable() else _CONTROL.sub("", value).encode("utf-8", "replace").decode()


class Baggage:
    """Keys of one unit of work. ``limit`` is in bytes of the header; what is over it is counted."""

    __slots__ = ("_count", "_kept", "_limit", "_once_in", "_once_out", "_properties")

    def __init__(self, limit: int, counted: Callable[[str], None]) -> None:
        self._limit = limit
        self._count = counted
        self._kept: dict[str, str] = {}
        self._properties: dict[str, str] = {}
        self._once_in: dict[str, str] = {}
        self._once_out: dict[str, str] = {}

    def put(self, key: str, value: str) -> None:
        """Keep ``key`` for every later hop, unless it does not fit."""
        value = clean(value)
        if self._fits(key, value, 0):
            self._once_out.pop(key, None)
            self._once_in.pop(key, None)
            self._properties.pop(key, None)
            self._kept[key] = value

    def put_once(self, key: str, value: str) -> None:
        """Keep ``key`` for the direct callees only, unless it does not fit."""
        value = clean(value)
        if self._fits(key, value, _ONCE_OVERHEAD):
            self._kept.pop(key, None)
            self._once_out[key] = value

    def get(self, key: str) -> str | None:
        """The value visible here."""
        value = self._once_in.get(key)
        return self._kept.get(key) if value is None else value

    def items(self) -> dict[str, str]:
        """All that is visible here."""
        return {**self._kept, **self._once_in}

    def write(self, sender_id: int) -> str:
        """The header that a call of row ``sender_id`` carries; newest keys beyond the limit are dropped."""
        members = [f"{key}={quote(value)}{self._properties.get(key, '')}" for key, value in list(self._kept.items())]
        members += [
            f"{ONCE_PREFIX}{sender_id:016x}.{key}={quote(value)}" for key, value in list(self._once_out.items())
        ]
        size = sum(map(len, members)) + len(members) - 1
        while members and size > self._limit:
            size -= len(members.pop()) + 1
            self._count("baggage_dropped")
        return ",".join(members)

    def _fits(self, key: str, value: str, overhead: int) -> bool:
        others = {k: v for k, v in (*self._kept.items(), *self._once_out.items()) if k != key}
        size = sum(len(k) + len(quote(v)) + 2 for k, v in others.items()) + _ONCE_OVERHEAD * len(self._once_out)
        fits = bool(_TOKEN.fullmatch(key)) and size + overhead + len(key) + 1 + len(quote(value)) <= self._limit
        if not fits:
            self._count("baggage_dropped")
        return fits

    @classmethod
    def of_plain(cls, text: str, limit: int, counted: Callable[[str], None]) -> "Baggage":
        """What :meth:`parse` makes of ``key=value``, or some of them, with nothing escaped and nothing malformed."""
        baggage = cls(limit, counted)
        for pair in text.split(","):
            key, _, value = pair.partition("=")
            baggage._kept[key] = value
        return baggage

    @classmethod
    def parse(
        cls, headers: Iterable[str], parent_id: int, limit: int, counted: Callable[[str], None]
    ) -> "Baggage | None":
        """What came in from row ``parent_id``; malformed members are skipped and counted."""
        joined = ",".join(headers)
        if not joined:
            return None
        baggage = cls(limit, counted)
        plain = _PLAIN.fullmatch(joined)
        if plain is not None and not joined.startswith(ONCE_PREFIX):  # the commonest: one short key, nothing escaped
            baggage._kept[plain[1]] = plain[2]
            return baggage
        if len(joined) > MAX_HEADER:
            counted("baggage_dropped")
            joined = joined[:MAX_HEADER].rpartition(",")[0]
        for member in joined.split(",")[:MAX_MEMBERS]:
            if member.strip(" \t"):
                baggage._receive(member, parent_id)
        return baggage

    def _receive(self, member: str, parent_id: int) -> None:
        pair, semicolon, properties = member.partition(";")
        key, equals, raw = pair.partition("=")
        key = key.strip(" \t")
        if not equals or not _TOKEN.fullmatch(key):
            self._count("baggage_malformed")
            return
        raw = raw.strip(" \t")
        value = clean(unquote(raw))
        if not key.startswith(ONCE_PREFIX):
            self._kept[key] = value
            if semicolon and properties.isascii():
                self._properties[key] = ";" + clean(properties.strip(" \t"))
            return
        sender, _, once_key = key[len(ONCE_PREFIX) :].partition(".")
        if sender == f"{parent_id:016x}" and once_key:
            self._once_in[once_key] = value
