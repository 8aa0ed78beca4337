"""One setting: its default, its help, and which values it takes."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hopline.errors import SettingError
from hopline.text import as_text

DAY_S: Final = 86_400.0
_BOOLEANS: Final = {
    "1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False,
}  # fmt: skip
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_TEXT: Final = 4_096
_MAX_PARTS: Final = 1_024


class Setting:
    """A row of the table in :mod:`hopline.config`.

    ``low`` and ``high`` bound a number; ``words`` are the only texts allowed; ``parse`` replaces the reading by
    the default's type; ``secret`` keeps the value out of every text made of the settings.
    """

    __slots__ = ("default", "help", "high", "low", "name", "parse", "secret", "words")

    def __init__(
        self,
        default: Any,
        text: str,
        *,
        low: float = 0,
        high: float = math.inf,
        words: tuple[str, ...] = (),
        parse: Callable[[Any], Any] | None = None,
        secret: bool = False,
    ) -> None:
        self.default = default
        self.help = text
        self.low = low
        self.high = high
        self.words = words
        self.parse = parse
        self.secret = secret
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def read(self, value: Any) -> Any:
        """``value``, or its text, as this setting's type.

        Raises:
            SettingError: it cannot be used; the message says what could.

        """
        if self.parse is not None:
            return self.parse(value)
        default = self.default
        if isinstance(default, bool):
            return read_bool(value)
        if isinstance(default, (int, float)):
            return self._number(value, type(default))
        if isinstance(default, tuple):
            return read_words(value)
        text = read_text(value)
        if self.words and text not in self.words:
            raise SettingError(f"{text!r} is none of {', '.join(word or 'empty' for word in self.words)}")
        return text

    def _number(self, value: Any, kind: type) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise SettingError(f"a {type(value).__name__} is no number")
        try:
            number = kind(value)
        except (ValueError, OverflowError):
            raise SettingError(f"{_shown(value)} is no {'whole ' if kind is int else ''}number") from None
        if not math.isfinite(number) or (kind is int and number != float(value)):
            raise SettingError(f"{_shown(value)} is no {'whole' if kind is int else 'finite'} number")
        if not self.low <= number <= self.high:
            raise SettingError(f"{_shown(value)} is not within {self.low:g} and {self.high:g}")
        return number


def read_bool(value: Any) -> bool:
    """True or false, or a word for it.

    Raises:
        SettingError: it is neither.

    """
    if isinstance(value, bool):
        return value
    known = _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None
    if known is None:
        raise SettingError(f"{_shown(value)} is neither true nor false")
    return known


def read_text(value: Any) -> str:
    """Text that may become a header: control characters and lone surrogates are refused.

    Raises:
        SettingError: it is no such text.

    """
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise SettingError(f"a {type(value).__name__} is no text")
    text = str(value).strip()
    if _CONTROL.search(text) or len(text) > _MAX_TEXT:
        raise SettingError("it holds control characters, or is too long")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SettingError("it is no valid Unicode") from None
    return text


def read_words(value: Any) -> tuple[str, ...]:
    """Texts, or one text with commas between them.

    Raises:
        SettingError: something else.

    """
    if isinstance(value, str):
        parts: Iterable[Any] = value.split(",")
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = value
    else:
        raise SettingError(f"a {type(value).__name__} is no list of texts")
    words = tuple(word for word in map(read_text, parts) if word)
    if len(words) > _MAX_PARTS:
        raise SettingError("there are too many")
    return words


def read_pairs(value: Any) -> tuple[str, ...]:
    """``name=value`` texts; in one text a comma separates only where another ``name=`` follows: values hold some.

    Raises:
        SettingError: something else; the message holds no value, which may be a secret.

    """
    if isinstance(value, Mapping):
        pairs = [f"{name}={read_text(text)}" for name, text in value.items()]
    elif isinstance(value, str):
        pairs = [pair.strip() for pair in re.split(r",(?=\s*[a-z_]+=)", value)]
    elif isinstance(value, (list, tuple)):
        pairs = [read_text(pair) for pair in value]
    else:
        raise SettingError(f"a {type(value).__name__} is no list of name=value")
    for number, pair in enumerate(pairs, 1):
        read_text(pair)
        if pair and not re.match(r"[a-z_]+=", pair):
            raise SettingError(f"number {number} is not of the form name=value")
    return tuple(pair for pair in pairs if pair)


def _shown(value: Any) -> str:
    return repr(as_text(value)[:80])
