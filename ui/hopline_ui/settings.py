"""Settings of the pages, fixed when the router is made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UiSettings:
    """What an operator can choose about the pages."""

    log_link: str = ""
    """Address of the log store with ``{trace_id}``, ``{span_id}``, ``{start_us}``, ``{end_us}``; empty: no link."""
    tour: bool = False
    """The home page offers five places to look at, until a reader puts that away."""
    tag_columns: tuple[str, ...] = ("http.response.status_code",)
    """Tags that a span's card in the waterfall shows first."""
    warn_error_rate: float = 0.01
    """Edges and nodes turn amber from this share of failing calls."""
    bad_error_rate: float = 0.05
    """... and red from this one."""
    attention_success: float = 0.99
    """A service below this success rate needs attention."""
    attention_slowdown: float = 2.0
    """... or one whose p99 is this many times that of the period before."""
    refresh_s: int = 10
    """How often live pages ask for new figures."""
    map_nodes: int = 300
    """A larger map is drawn around a focus only."""
