"""What a row may hold: sizes, masks, and which keys stay out of the index.

Applied by the sender thread to each ended span. Every cut is marked on the row
with the tag ``hopline.cut`` (how many values were cut or left out) and counted.
"""

from typing import Final

from hopline.config import Config
from hopline.counts import Counts
from hopline.spans import Span
from hopline.text import as_text

MAX_NAME: Final = 512
MAX_KEY: Final = 128
MAX_TAG: Final = 2_048
MAX_ATTR: Final = 8_192
MAX_ERROR_TEXT: Final = 2_048
SHORT: Final = 128
"""Tags of this length need no sum: 64 of them with their keys are within any row."""

CUT_TAG: Final = "hopline.cut"
MASK: Final = "***"

_PLAIN, _MASKED, _SCAN_ONLY = 0, 1, 2
_VERDICTS: Final = 4_096


class Limits:
    """The limits of one process."""

    __slots__ = ("_counts", "_masked", "_plain", "_row_bytes", "_scan_only", "_verdicts")

    def __init__(self, config: Config, counts: Counts) -> None:
        self._row_bytes = config.row_bytes
        self._masked = tuple(_normal(word) for word in config.mask)
        self._scan_only = frozenset(config.scan_only)
        self._counts = counts
        self._verdicts: dict[str, int] = {}
        self._plain: set[str] = set()

    def apply(self, span: Span) -> None:
        """Bring an ended span within the limits, in place.

        The common row (few, short, harmless tags and nothing rare) is only looked at.
        """
        name = span.name
        if type(name) is not str:
            span.name = name = as_text(name)
        if span.rare is None and self._plain.issuperset(span.tags) and len(name) <= MAX_KEY:
            for value in span.tags.values():
                if len(value) > SHORT:
                    break
            else:
                return
        self._rebuild(span)

    def _rebuild(self, span: Span) -> None:
        """Copy what fits; structural fields first, so that notes can never displace them."""
        detail = span.rare
        cut = detail.overflow if detail else 0
        span.name, n = _cut(span.name, MAX_NAME)
        cut += n
        budget = self._row_bytes - len(span.name)
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
            budget -= len(short_key) + len(text)
            cut += (n or m) if budget >= 0 else 1
            if budget >= 0:
                (attrs if is_attr else tags)[short_key] = text
            else:
                budget += len(short_key) + len(text)
        if detail:
            detail.error_text, n = _cut(detail.error_text, min(MAX_ERROR_TEXT, max(0, budget)))
            detail.error_type, m = _cut(detail.error_type, MAX_KEY)
            budget -= len(detail.error_text) + len(detail.error_type)
            kept = []
            for ts_us, key, value in detail.annotations:
                text, k = _cut(MASK if self._verdict(key) == _MASKED else value, MAX_TAG)
                short_key, j = _cut(key, MAX_KEY)
                budget -= len(short_key) + len(text) + 8
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
            normal = _normal(key)
            if any(word in normal for word in self._masked):
                verdict = _MASKED
            else:
                verdict = _SCAN_ONLY if key in self._scan_only else _PLAIN
            if len(self._verdicts) < _VERDICTS and len(key) <= MAX_KEY:
                self._verdicts[key] = verdict
                if verdict == _PLAIN:
                    self._plain.add(key)
        return verdict


def _normal(word: str) -> str:
    """``API-Key``, ``api_key`` and ``api key`` are one word."""
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")


def _cut(text: str, limit: int) -> tuple[str, int]:
    return (text, 0) if len(text) <= limit else (text[:limit], 1)
