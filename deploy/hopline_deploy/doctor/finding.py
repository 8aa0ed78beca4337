"""What a look at one part says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part is."""

    part: str
    ok: bool
    says: str
    advice: str = ""


def well(part: str, says: str) -> Finding:
    """Nothing to do here."""
    return Finding(part, ok=True, says=says)


def wrong(part: str, says: str, advice: str) -> Finding:
    """A fault, and what would help."""
    return Finding(part, ok=False, says=says, advice=advice)
