"""The eight tools: each asks the API once or twice and replies within the bound."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from hopline_deploy.agents.bounded import reply
from hopline_deploy.agents.summary import failing, summarised
from hopline_deploy.remote import Remote, RemoteError

_SUMMARY: Final = ("trace_id", "service", "name", "start_us", "duration_us", "spans", "errors", "uids", "failure")
_FIGURES: Final = ("service", "operation", "calls", "errors", "success_rate", "qps", "avg_us", "p50_us", "p95_us",
                   "p99_us", "callers")  # fmt: skip
_EDGE: Final = ("caller", "callee", "calls", "errors", "error_rate", "avg_us", "p99_us")

Values = Mapping[str, Any]


class WrongArgumentError(ValueError):
    """An argument that the server cannot understand; the message says which, and what is right."""


class Tools:
    """Questions to the Hopline at `remote`."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def find_services(self, values: Values) -> str:
        """Services that reported, with their figures."""
        answer = self._get("stats", values)
        found = [_some(entry, _FIGURES) for entry in answer["services"]]
        wanted = str(values.get("q") or "").lower()
        return self._reply({"services": [s for s in found if wanted in s["service"].lower()]}, "/", values)

    def search_traces(self, values: Values) -> str:
        """Traces that meet every condition, newest first unless asked otherwise."""
        answer = self._get("traces", values)
        traces = [_some(trace, _SUMMARY) | {"link": f"/trace/{trace['trace_id']}"} for trace in answer["traces"]]
        known = {"count": answer["count"], "next_cursor": answer["next_cursor"]}
        return self._reply({"traces": traces}, "/search", values, **known)

    def get_trace(self, trace_id: str) -> str:
        """One trace summarised: its failure, the way to it, where the time went."""
        if not trace_id.strip():
            raise WrongArgumentError("trace_id is blank: name the id of a trace, as search_traces gives it")
        place = f"traces/{quote(trace_id.strip(), safe='')}"
        timeline = self._get(place, {"shape": "timeline"})
        found = summarised(timeline)
        worst = failing(timeline)
        if worst is not None:
            node = self._get(f"{place}/nodes/{timeline['columns']['key'][worst]}", {})
            texts = [row.get("error_text") for row in node["node"].get("rows", []) if row.get("error_text")]
            tags = {tag["key"]: tag["value"] for tag in node.get("tags", [])[:20]}
            found["failure"] |= {"error_type": node["node"]["error_type"], "error_text": texts[:1], "tags": tags}
        return self._reply(found, f"/trace/{timeline['trace_id']}", {})

    def error_causes(self, values: Values) -> str:
        """What began the failures, most hurtful first."""
        answer = self._get("causes", values)
        return self._reply({"causes": answer["causes"]}, "/search", {**values, "errors": "true"},
                           failures=answer["failures"])  # fmt: skip

    def what_differs(self, values: Values) -> str:
        """What the chosen calls have more often than the rest of the same service and operation."""
        answer = self._get("differs", values)
        known = {name: answer[name] for name in ("selected", "base", "compared")}
        return self._reply({"findings": answer["findings"]}, "/search", values, **known)

    def service_map(self, values: Values) -> str:
        """Who calls whom, busiest first."""
        answer = self._get("dependencies", values)
        edges = sorted(answer["edges"], key=lambda edge: -edge["calls"])
        nodes = [_some(node, ("name", "kind")) for node in answer["nodes"]]
        return self._reply({"edges": [_some(edge, _EDGE) for edge in edges], "nodes": nodes}, "/map", values)

    def figures(self, values: Values) -> str:
        """Rates, errors and latency by operation, or of each service."""
        group = {"group": "operation"} if values.get("service") else {}
        answer = self._get("stats", {**group, **values})
        return self._reply({"figures": [_some(entry, _FIGURES) for entry in answer["services"]]}, "/", values,
                           from_us=answer["from_us"], to_us=answer["to_us"])  # fmt: skip

    def user_timeline(self, uid: str, values: Values) -> str:
        """A user's traces, newest first."""
        answer = self._get("users/timeline", {**values, "uid": uid})
        traces = [_some(trace, _SUMMARY) | {"link": f"/trace/{trace['trace_id']}"} for trace in answer["traces"]]
        known = {"user_found": answer["found"], "count": answer["count"], "next_cursor": answer["next_cursor"]}
        return self._reply({"traces": traces}, f"/users/{quote(uid, safe='')}", {}, **known)

    # -- inside

    def _reply(self, found: Mapping[str, Any], page: str, values: Values, **known: Any) -> str:
        asked = {name: value for name, value in values.items() if value not in {None, ""} and name != "limit"}
        query = urlencode(asked)
        return reply(found, **known, link=f"{page}?{query}" if query else page)

    def _get(self, path: str, values: Values) -> dict[str, Any]:
        params = {name: _text(value) for name, value in values.items() if value not in {None, ""}}
        try:
            return self._remote.get_quoted(path, params)
        except RemoteError as error:
            if error.status == 404 and path in {"causes", "differs"}:
                raise WrongArgumentError(
                    "this server does not answer that question: it is of an earlier release"
                ) from None
            raise WrongArgumentError(str(error)) from None


def _some(entry: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: entry[name] for name in names if name in entry}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
