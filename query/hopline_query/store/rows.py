"""Ids of the store as text."""


def hex16(number: int) -> str:
    """16 lower-case hex digits, empty for 0."""
    return f"{number:016x}" if number else ""
