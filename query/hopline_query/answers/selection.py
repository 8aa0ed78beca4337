"""The selection of a "why" question: its parameters as a search, and the links that open what was counted."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from hopline_query.answers.forest import MOST_TRACES
from hopline_query.errors import BadRequestError
from hopline_query.params import Params
from hopline_query.store.port import Scope

SEARCHED = (
    *("uid", "service", "operation", "caller", "callee", "instance", "error_type", "version", "filter", "entry"),
    *("errors", "unfinished", "env", "load_test", "min_duration", "max_duration", "min_span_duration"),
    *("max_span_duration", "min_spans"),
)
"""Parameters that choose traces; a link repeats those that were given."""

TRACES = "/api/v1/traces"

Found = TypeVar("Found")

BASE = "base_"
"""Parameters with this head choose what to compare with."""

SHARED = ("service", "operation", "env", "load_test", "from", "to")
"""Parameters that the base has in common with the selection, where it has none of its own."""


def of_base(params: Params, ask: Callable[[Params], Found]) -> Found:
    """The answer for the base: its own parameters and those that it shares; complaints name the base's."""
    values = {name: params.text(name) for name in SHARED}
    given = {name.removeprefix(BASE): params.text(name) for name in params.names() if name.startswith(BASE)}
    try:
        return ask(params.instead(values | {name: text for name, text in given.items() if text}))
    except BadRequestError as error:
        if error.field in given:
            error.field = f"{BASE}{error.field}"
        raise


def has_base(params: Params) -> bool:
    """Whether something to compare with was named."""
    return any(name.startswith(BASE) and params.text(name) for name in params.names())


def link(params: Params, scope: Scope, more: Mapping[str, Any], path: str = TRACES) -> str:
    """The search with the same selection over the same range, narrowed by ``more``; None takes a parameter away."""
    values: dict[str, Any] = {name: params.text(name) for name in SEARCHED}
    values |= {"from": scope.from_us, "to": scope.to_us} | dict(more)
    return f"{path}?{urlencode({name: str(value) for name, value in values.items() if value not in ('', None)})}"


def most_traces(params: Params) -> int:
    """How many traces, the newest of those found, a question about causes looks at (``traces=``)."""
    return params.number("traces", MOST_TRACES, 1, MOST_TRACES)


def answered(scope: Scope, *, truncated: bool) -> dict[str, Any]:
    """What every answer over a range carries."""
    return {"from_us": scope.from_us, "to_us": scope.to_us, "truncated": truncated}
