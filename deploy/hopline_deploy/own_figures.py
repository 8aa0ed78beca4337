"""What a read token that is bound to services opens: figures of one of these services at a time, and nothing else.

A trace, the map or a list of names tells of the services beside them, so no part of those is shown.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

_API: Final = "/api/v1/"

ROUTES: Final = ("stats", "series", "errors", "heatmap", "operations", "instances")
"""Below ``/api/v1/``: of one service where ``service`` names it."""

_PARAMETERS: Final = frozenset(
    {
        *("service", "operation", "kind", "from", "to", "env", "load_test", "view", "group", "step", "spark"),
        *("compare", "histogram", "apdex_t", "order_by", "limit", "columns", "q"),
    }
)
_OTHERS: Final = ("group", "caller")
"""The one grouping that names other services."""


def opens(prefixes: Sequence[str], path: str, query: str) -> bool:
    """Whether such a token opens a path with its query string."""
    from hopline_collector.block.limits import one_line  # here, for every verb imports the middleware

    try:
        given = parse_qsl(query, keep_blank_values=True, max_num_fields=len(_PARAMETERS))
    except ValueError:
        return False
    names = [name for name, _ in given]
    services = [value for name, value in given if name == "service"]
    return (
        path.removeprefix(_API) in ROUTES
        and path.startswith(_API)
        and len(set(names)) == len(names)
        and _PARAMETERS.issuperset(names)
        and _OTHERS not in given
        and len(services) == 1
        and one_line(services[0]).startswith(tuple(prefixes))
    )


def refusal(prefixes: Sequence[str]) -> str:
    """What a request is told that it does not open."""
    return (
        f"this token may see figures alone, of services whose names begin with {', '.join(prefixes)}: "
        f"{_API}{{{','.join(ROUTES)}}}?service="
    )
