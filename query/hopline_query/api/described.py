"""OpenAPI descriptions of the native endpoints: summary, parameters, failures."""

from typing import Any

from hopline_query.answers.figures import ORDERS as STATS_ORDERS
from hopline_query.api.bodies import described as answer_of
from hopline_query.params import STEPS
from hopline_query.store.port import GROUPS, ORDERS, VIEWS

Described = dict[str, Any]

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "field", "column", "detail"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": ["string", "null"]},
                "column": {"type": ["integer", "null"]},
                "detail": {"type": ["object", "null"]},
            },
        }
    },
}

PARAMETERS: dict[str, tuple[str, Described]] = {
    "from": ("begin of the range: microseconds, RFC 3339 or now-15m", {}),
    "to": ("end of the range", {}),
    "env": ("deployment environment", {}),
    "load_test": ("true: include load tests; only: nothing else", {"enum": ["true", "false", "only"]}),
    "uid": ("user id, exact", {}),
    "service": ("service", {}),
    "operation": ("operation of the service", {}),
    "caller": ("caller, a node key of the map", {}),
    "callee": ("callee, a node key of the map", {}),
    "instance": ("instance", {}),
    "kind": ("kind of the rows", {"enum": ["local", "client", "server", "producer", "consumer"]}),
    "error_type": ("error type of a row", {}),
    "filter": ("key=value AND key>=5 OR NOT key ~ 're'", {}),
    "errors": ("only traces with a failing row", {"type": "boolean"}),
    "unfinished": ("only traces with unfinished rows", {"type": "boolean"}),
    "min_duration": ("least duration of the trace, e.g. 250ms", {}),
    "max_duration": ("greatest duration of the trace", {}),
    "min_span_duration": ("least duration of a row", {}),
    "max_span_duration": ("greatest duration of a row", {}),
    "min_spans": ("least number of rows", {"type": "integer", "minimum": 0}),
    "order_by": ("order over all matches", {"enum": list(ORDERS)}),
    "limit": ("how many; larger values are cut to the most that is allowed", {"type": "integer", "minimum": 1}),
    "cursor": ("next_cursor of the page before", {}),
    "shape": ("shape of the answer", {"enum": ["tree", "flat", "timeline"]}),
    "adjust": ("move clock-skewed subtrees", {"type": "boolean"}),
    "root": ("node key: that subtree only", {}),
    "focus": ("node key that the window, or the map, is about", {}),
    "offset": ("begin of the window over the nodes", {"type": "integer", "minimum": 0}),
    "by": ("service, name, kind, instance, zone, or a tag key", {}),
    "view": ("which rows count", {"enum": list(VIEWS)}),
    "group": ("what one entry is", {"enum": list(GROUPS)}),
    "compare": ("also the period before", {"enum": ["previous"]}),
    "spark": ("add sparklines of about so many points", {"type": "integer", "minimum": 2}),
    "histogram": ("add the histogram", {"type": "boolean"}),
    "apdex_t": ("Apdex limit, e.g. 500ms", {}),
    "step": (f"length of a slot: {', '.join(STEPS)}, or any multiple of 10s", {}),
    "tags": ("tags, with commas between, whose values each trace shows", {}),
    "columns": ("columns of the heatmap", {"type": "integer", "minimum": 1}),
    "depth_in": ("calls up from the focus", {"type": "integer", "minimum": 0}),
    "depth_out": ("calls down from the focus", {"type": "integer", "minimum": 0}),
    "min_calls": ("least calls of an edge", {"type": "integer", "minimum": 0}),
    "hide": ("comma list of node kinds: db, mq, cache, external, user", {}),
    "self_calls": ("false leaves loops out", {"type": "boolean"}),
    "trace_id": ("the map of one trace", {}),
    "q": ("typed text", {}),
    "words": ('words, joined by or; -word takes out; key=value is exact; "two words" are one', {}),
    "version": ("version of the service that a row tells", {}),
    "entry": ("conditions on rows are to be met by an entry call", {"type": "boolean"}),
    "what_if": ("SERVICE|OPERATION|FACTOR: that operation's own time times the factor", {}),
    "base_from": ("begin of the range to compare with", {}),
    "base_to": ("end of the range to compare with", {}),
    "base_filter": ("filter of the calls to compare with", {}),
    "base_version": ("version to compare with", {}),
    "having": ("JSON list of [kind, service, key, op, value] that an entry call is to meet", {}),
    "structure": ("{service=a} >> {kind=client AND duration>100ms}", {}),
    "repeat": ("id of repeated calls: traces in which one call makes them", {}),
    "cause": ("id of a cause: traces in which it began the trouble", {}),
    "traces": ("of causes and paths: traces that are looked at, the newest", {"type": "integer", "minimum": 1}),
}

FAILURES = {
    400: "cannot be understood",
    429: "too many questions at once",
    503: "the store does not answer",
    504: "took too long",
}

RANGE_PARAMETERS = "from to env load_test"
SEARCHED = (
    f"uid service operation caller callee instance error_type filter errors unfinished min_duration max_duration"
    f" min_span_duration max_span_duration min_spans version entry order_by limit cursor {RANGE_PARAMETERS}"
)


def _described(
    summary: str, names: str = "", *, path: str = "", missing: bool = False, orders: tuple[str, ...] = ORDERS
) -> Described:
    """``path`` is the key of the answer's shape in :data:`hopline_query.api.bodies.ANSWERS`."""
    parameters = []
    for name in names.split():
        text, limits = PARAMETERS[name]
        limits = {"enum": list(orders)} if name == "order_by" else limits
        whole = {"type": "string", **limits}
        parameters.append({"name": name, "in": "query", "required": False, "description": text, "schema": whole})
    failures = {
        400: "cannot be understood",
        429: "too many questions at once",
        503: "the store is away",
        504: "took too long",
    }
    if missing:
        failures[404] = "nothing under this name; detail says what the id tells"
    content = {"application/json": {"schema": ERROR}}
    responses: dict[int, Described] = {}
    if path:
        told = {"application/json": {"schema": answer_of(path)}}
        responses[200] = {"description": "as asked", "content": told}
    responses |= {code: {"description": text, "content": content} for code, text in sorted(failures.items())}
    return {
        "summary": summary,
        "openapi_extra": {"parameters": parameters} if parameters else None,
        "responses": responses,
    }


SEARCH = _described("Search traces", f"{SEARCHED} tags cause traces having repeat structure", path="/traces")
POINTS = _described("The same search for a scatter", SEARCHED, path="/traces/points")
TRACE = _described("One trace", "shape adjust root offset limit focus", path="/traces/{trace_id}", missing=True)
NODE = _described("One node of a trace", "adjust", missing=True)
STATISTICS = _described("Nodes of a trace, grouped", "by", missing=True)
USUAL = _described("Calls of a trace that take longer than usual", missing=True)
EXPORT = _described("A trace as a file: json, csv, zipkin, otlp, chrome, mermaid", missing=True)
COMPARE = _described("Two traces side by side", missing=True)
EVENTS = _described("Annotations of a trace in time order", "limit", missing=True)
FOUND = _described("Places of calls whose names, tags or notes hold some words", "words adjust root", missing=True)
USER = _described("Traces of a user", f"errors filter limit cursor {RANGE_PARAMETERS}", path="/users/{uid}/timeline")
USER_BY_PARAMETER = _described(
    "Traces of a user", f"uid errors filter limit cursor {RANGE_PARAMETERS}", path="/users/{uid}/timeline"
)
STATS = _described(
    "Rates, errors and latency over a range",
    f"service operation kind view group compare spark histogram apdex_t order_by limit {RANGE_PARAMETERS}",
    path="/stats",
    orders=STATS_ORDERS,
)
SERIES = _described(
    "Rates, errors and latency by slot",
    f"service operation kind view group caller callee step limit {RANGE_PARAMETERS}",
    path="/series",
)
ERRORS = _described("Error groups", f"service operation limit {RANGE_PARAMETERS}", path="/errors")
HEATMAP = _described("Latency by time", f"service operation view columns {RANGE_PARAMETERS}", path="/heatmap")
DEPENDENCIES = _described(
    "The dependency map",
    f"focus depth_in depth_out min_calls hide self_calls trace_id uid filter {RANGE_PARAMETERS}",
    path="/dependencies",
    missing=True,
)
CAUSES = _described(
    "What began the failures", f"traces {SEARCHED.replace(' order_by', '').replace(' cursor', '')}", path="/causes"
)
ENTRIES = SEARCHED.replace(" entry order_by limit cursor", "")
CRITICAL_PATH = _described("What decides how long entry calls take", f"what_if traces {ENTRIES}", path="/critical-path")
DIFFERS = _described(
    "What sets selected entry calls apart", f"base_from base_to base_filter base_version {ENTRIES}", path="/differs"
)
WORSE = _described("What got worse, adding up", f"base_from base_to base_filter base_version {ENTRIES}", path="/worse")
SHAPES = _described("Shapes of traces", f"base_from base_to base_filter base_version {ENTRIES} limit", path="/shapes")
QUERY = _described("A table of calls by structure", f"q {ENTRIES} limit", path="/query")
SERVICES = _described("Services", f"q limit {RANGE_PARAMETERS}", path="/services")
OPERATIONS = _described("Operations", f"service q limit {RANGE_PARAMETERS}", path="/operations")
PEERS = _described("What a service calls", f"service q limit {RANGE_PARAMETERS}", path="/peers")
INSTANCES = _described("Processes", f"service {RANGE_PARAMETERS}", path="/instances")
TAGS = _described("Tag keys", "q limit from to", path="/tags")
TAG_VALUES = _described("Values of a tag", "q limit from to", path="/tags/{key}/values")
ENVS = _described("Environments", "from to", path="/envs")
FIND = _described("What a pasted text names", path="/find")
RANGE = _described("The widest range with data", path="/range")
FRESHNESS = _described("How fresh the answers are", path="/freshness")
SYSTEM = _described("Collectors, processes, storage")
