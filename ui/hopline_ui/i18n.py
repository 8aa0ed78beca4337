"""Catalogues of the pages' words: English and Simplified Chinese.

A catalogue is a flat JSON object. Values may hold ``{name}`` placeholders. A
key with the suffix ``.one`` is the form for exactly one in languages that have
it. Keys that begin with ``js.`` are handed to the browser's modules.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "zh-CN")
DEFAULT: Final = "en"

_RANGE = re.compile(r"\s*([A-Za-z*-]{1,20})\s*(?:;\s*q=([0-9.]{1,5}))?\s*")


@dataclass(frozen=True)
class Catalogue:
    """One language's words."""

    language: str
    words: dict[str, str]

    def t(self, key: str, **values: object) -> str:
        """The text of ``key`` with its placeholders filled; raises ``KeyError`` for an unknown key."""
        text = self.words[key]
        return text.format(**values) if values else text

    def tn(self, key: str, count: int, **values: object) -> str:
        """Like :meth:`t`, choosing the singular form when ``count`` is 1; ``{n}`` is the count."""
        shown = values.pop("n", f"{count:,}")
        single = f"{key}.one"
        chosen = single if count == 1 and single in self.words else key
        return self.words[chosen].format(n=shown, **values)

    def known(self, key: str, fallback: str) -> str:
        """The text of a key made from data (a warning's code), or ``fallback`` when there is none."""
        return self.words.get(key, fallback)

    def for_browser(self) -> dict[str, str]:
        """Words of the browser's modules, their ``js.`` prefix removed."""
        return {key[3:]: text for key, text in self.words.items() if key.startswith("js.")}


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of one of :data:`LANGUAGES`."""
    text = (files("hopline_ui") / "locales" / f"{language}.json").read_text(encoding="utf-8")
    return Catalogue(language, json.loads(text))


def match(tag: str) -> str | None:
    """The language of ours that a tag such as ``zh-Hans-CN`` or ``en_GB`` means."""
    primary = tag.replace("_", "-").split("-")[0].lower()
    return {"en": "en", "zh": "zh-CN"}.get(primary)


def negotiate(asked: str | None, cookie: str | None, accept: str | None) -> str:
    """Choose a language: the address, then the cookie, then ``Accept-Language`` (RFC 9110, 12.5.4)."""
    for wish in (asked, cookie):
        if wish and (found := match(wish)):
            return found
    best: tuple[float, str] | None = None
    for part in (accept or "")[:500].split(","):
        parsed = _RANGE.fullmatch(part)
        language = match(parsed[1]) if parsed else None
        if parsed is None or language is None:
            continue
        quality = _quality(parsed[2])
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, language)
    return best[1] if best else DEFAULT


def _quality(text: str | None) -> float:
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0
