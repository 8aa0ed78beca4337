"""What a row may hold: sizes, masks, and which keys stay out of the index.

Applied by the sender thread to each ended span. Every cut is marked on the row
with the tag ``hopline.cut`` (how many values were cut or left out) and counted.
"""

import re
from typing import Final

from hopline.config import Config
from hopline.counts import Counts
from hopline.spans import Detail, Span
from hopline.text import as_text

MAX_NAME: Final = 512
MAX_KEY: Final = 128
MAX_PEER: Final = 256
MAX_TAG: Final = 2_048
MAX_ATTR: Final = 8_192
MAX_ERROR_TEXT: Final = 2_048
SHORT: Final = 128
"""Tags of so many characters need no sum while they are few."""
FEW: Final = 16
"""So many short tags beside as many short attrs are within a row of the default size, whatever their letters."""
_MOST_BYTES: Final = 4
"""Of a character in UTF-8."""

CUT_TAG: Final = "hopline.cut"
MASK: Final = "***"

_PLAIN, _MASKED, _SCAN_ONLY = 0, 1, 2
_VERDICTS: Final = 4_096
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W_a-zA-Z0-9]+")


class Limits:
    """The limits of one process."""

    __slots__ = (
        "_counts",
        "_declared",
        "_kept",
        "_masked",
        "_names",
        "_plain",
        "_row_bytes",
        "_scan_only",
        "_short",
        "_verdicts",
    )

    def __init__(self, config: Config, counts: Counts) -> None:
        self._row_bytes = config.row_bytes
        self._short = min(SHORT, (config.row_bytes // FEW - MAX_KEY) // _MOST_BYTES)
        self._masked = tuple(words_of(word) for word in config.mask)
        self._scan_only = frozenset(config.scan_only)
        self._declared = config.baggage_tags
        self._counts = counts
        self._verdicts: dict[str, int] = {}
        self._plain: set[str] = set()
        self._kept: set[str] = set()
        self._names: set[str] = set()

    def apply_all(self, spans: list[Span]) -> list[Span]:
        """Those of ``spans`` that could be brought within the limits; one that cannot even be read is lost alone.

        The check of the common row stands here again: a call for each row costs as much as the check.
        """
        names, plain, short = self._names, self._plain, self._short
        if self._declared:
            for span in spans:
                self._declare(span)
        lost = set()
        for span in spans:
            try:
                tags = span.tags
                if (
                    span.name not in names
                    or len(tags) > FEW
                    or (span.rare is not None and not self._is_fine(span, span.rare))
                ):
                    self.apply(span)
                else:
                    for key, value in tags.items():
                        if key not in plain or len(value) > short:
                            self.apply(span)
                            break
            except Exception:
                if not self._mended(span):
                    lost.add(id(span))
        return [span for span in spans if id(span) not in lost] if lost else spans

    def _declare(self, span: Span) -> None:
        """Copy the baggage that the settings name to the row's tags; what the row says itself wins."""
        baggage = span.entry.baggage
        if baggage is not None:
            for key in self._declared:
                value = baggage.get(key)
                if value is not None:
                    span.tags.setdefault(key, value)

    def _mended(self, span: Span) -> bool:
        """Whether a row of unusual types, such as a list for its name, can be brought within the limits after all."""
        try:
            self.apply(span)
        except Exception:
            self._counts.add("dropped.encode")
            return False
        return True

    def _is_fine(self, span: Span, detail: Detail) -> bool:
        """Whether nothing in ``detail`` is to be cut, masked or mended: a server row, a call that succeeded."""
        if detail.overflow or detail.annotations or detail.links or detail.error or detail.attempt:
            return False
        if type(detail.peer) is not str or type(detail.peer_kind) is not str or len(detail.peer) > SHORT:
            return False
        attrs = detail.attrs
        if len(attrs) > FEW or len(span.tags) > FEW:
            return False
        kept, short = self._kept, self._short
        for key, value in attrs.items():  # noqa: SIM110 - a generator for all() would double it
            if key not in kept or len(value) > short:
                return False
        return True

    def apply(self, span: Span) -> None:
        """Bring one ended span within the limits, in place.

        Structural fields come first, so that notes can never displace them.
        """
        if type(span.name) is not str:
            span.name = as_text(span.name)
        self._declare(span)
        detail = span.rare
        cut = detail.overflow if detail else 0
        span.name, n = _cut(span.name, MAX_NAME)
        cut += n
        if len(self._names) < _VERDICTS and len(span.name) <= MAX_KEY:
            self._names.add(span.name)
        budget = self._row_bytes - size(span.name)
        tags: dict[str, str] = {}
        attrs: dict[str, str] = {}
        for key, value in [*span.tags.items(), *(detail.attrs.items() if detail else ())]:
            if not isinstance(key, str):
                cut += 1
                continue
            verdict = self._verdict(key)
            is_attr = verdict == _SCAN_ONLY or (detail is not None and key in detail.attrs)
            short_key, n = _cut(key, MAX_KEY)
            text, m = _cut(MASK if verdict == _MASKED else value, MAX_ATTR if is_attr else MAX_TAG)
            budget -= size(short_key) + size(text)
            cut += (n or m) if budget >= 0 else 1
            if budget >= 0:
                (attrs if is_attr else tags)[short_key] = text
            else:
                budget += size(short_key) + size(text)
        if detail:
            cut += _mend(detail)
            detail.error_text, n = _cut(
                detail.error_text, min(MAX_ERROR_TEXT, max(0, budget) // _widest(detail.error_text))
            )
            detail.error_type, m = _cut(detail.error_type, MAX_KEY)
            budget -= size(detail.error_text) + size(detail.error_type)
            kept = []
            for ts_us, key, value in detail.annotations:
                text, k = _cut(MASK if self._verdict(key) == _MASKED else value, MAX_TAG)
                short_key, j = _cut(key, MAX_KEY)
                budget -= size(short_key) + size(text) + 8
                cut += (k or j) if budget >= 0 else 1
                if budget >= 0:
                    kept.append((ts_us, short_key, text))
            cut += n + m
            detail.annotations = kept
            detail.overflow = 0
        if cut:
            tags[CUT_TAG] = str(cut)
            self._counts.add("cut_values", cut)
        span.tags = tags
        if attrs or detail:
            span.detail.attrs = attrs

    def _verdict(self, key: str) -> int:
        """What becomes of ``key``; remembered, for keys repeat."""
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = _SCAN_ONLY if key in self._scan_only else _PLAIN
            if names_a_secret(key, self._masked):
                verdict = _MASKED
            if len(self._verdicts) < _VERDICTS and len(key) <= MAX_KEY:
                self._verdicts[key] = verdict
                if verdict != _MASKED:
                    self._kept.add(key)
                if verdict == _PLAIN:
                    self._plain.add(key)
        return verdict


def _mend(detail: Detail) -> int:
    """Bring the rarer fields into the types and sizes that the wire takes; how many were cut."""
    detail.error_type, detail.error_text = as_text(detail.error_type), as_text(detail.error_text)
    detail.peer, cut = _cut(as_text(detail.peer), MAX_PEER)
    detail.peer_kind = as_text(detail.peer_kind)
    detail.attempt = detail.attempt if isinstance(detail.attempt, int) and detail.attempt >= 0 else 0
    links = [link for link in detail.links if _is_link(*link)]
    cut += len(detail.links) - len(links)
    detail.links = links
    return cut


def _is_link(trace_id: str, span_id: str, kind: str) -> bool:
    return (
        bool(re.fullmatch("[0-9a-f]{32}", str(trace_id)))
        and bool(re.fullmatch("[0-9a-f]{16}", str(span_id)))
        and isinstance(kind, str)
    )


def words_of(key: str) -> tuple[str, ...]:
    """``API-Key``, ``api_key``, ``apiKey`` and ``api key`` are the same two words."""
    return tuple(word.lower() for word in _WORD.findall(key))


def names_a_secret(key: str, masked: tuple[tuple[str, ...], ...]) -> bool:
    """Whether ``key`` holds one of ``masked``, each some words, as whole words: ``access_token``, not ``tokens``."""
    words = words_of(key)
    return any(
        "".join(secret) in words or any(words[i : i + len(secret)] == secret for i in range(len(words)))
        for secret in masked
    )


def size(text: str) -> int:
    """Bytes of ``text`` on the wire."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _widest(text: str) -> int:
    return 1 if text.isascii() else 4


def _cut(text: str, limit: int) -> tuple[str, int]:
    return (text, 0) if len(text) <= limit else (text[:limit], 1)
