"""How well a service or a node of the map does: by its own rows, or as its callers see it, whichever is worse."""

from dataclasses import dataclass

from hopline_ui.service import Answer


@dataclass(frozen=True, slots=True)
class Success:
    """Share of calls that succeeded and failed calls; ``rate`` is None without calls."""

    rate: float | None
    errors: float
    by_callers: bool
    """True where callers saw worse than the service tells of itself."""

    @property
    def error_rate(self) -> float | None:
        """Share of calls that failed."""
        return None if self.rate is None else round(1 - self.rate, 6)


def worse_of(entry: Answer) -> Success:
    """The worse of an entry's own success and ``callers``: a call that was refused is known to its caller alone."""
    told = entry.get("callers")
    own = entry["success_rate"]
    if told and told["success_rate"] is not None and (own is None or told["success_rate"] < own):
        return Success(told["success_rate"], told["errors"], by_callers=True)
    return Success(own, entry["errors"], by_callers=False)
