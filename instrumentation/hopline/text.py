"""Values of the application as text that can be stored, and text in header values: never raises.

Percent-encoding is :mod:`urllib.parse`'s, without what importing that costs every program.
"""

import re
from typing import Any, Final

_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/")
_COLON: Final = 58
_HEX: Final = re.compile(rb"%([0-9a-fA-F]{2})")


def as_text(value: Any) -> str:
    """``value`` as text; what cannot be turned into text becomes a note saying so.

    Called where the value is set, not where it is sent: another thread must not
    run the ``__str__`` of an object that belongs to the application.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__} in __str__>"


def quote(text: str, *, colon: bool = False) -> str:
    """``text`` as UTF-8, percent-encoded but for letters, digits and ``_.-~/``, and ``:`` by choice (RFC 3986)."""
    data = text.encode("utf-8", "replace")
    if _UNRESERVED.issuperset(data):
        return text
    return "".join(chr(b) if b in _UNRESERVED or (colon and b == _COLON) else f"%{b:02X}" for b in data)


def unquote(text: str) -> str:
    """The reverse; what is no UTF-8 becomes U+FFFD, what is no escape stays."""
    if "%" not in text:
        return text
    data = _HEX.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("utf-8", "replace"))
    return data.decode("utf-8", "replace")
