"""Values of the application as text that can be stored: never raises."""

from typing import Any


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
