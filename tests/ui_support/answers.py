"""Answers of a query service over a shop whose payments are failing."""

from typing import Any

from hopline_query.errors import NotFoundError
from hopline_query.search.ids import find
from ui_support.figures import figures, heat_of, series_of, system_of
from ui_support.graph import graph_of
from ui_support.shared import NOW, SERVICES, TRACE_ID, fresh, span_of
from ui_support.tree import flat_of, panel_of, shop_tree, timeline_of
from ui_support.why import WhyAnswers


class ShopAnswers(WhyAnswers):
    """Every method that the pages call; ``tree`` is the trace that every id but unknown ones leads to."""

    def __init__(self, tree: list[dict[str, Any]] | None = None, *, hostile: str = "") -> None:
        self.tree = tree or shop_tree()
        self.hostile = hostile
        self.alerts: Any = None
        self.asked: list[tuple[str, dict[str, str]]] = []

    def _names(self) -> list[str]:
        return [*SERVICES, self.hostile] if self.hostile else list(SERVICES)

    def trace(self, trace_id: str, params: Any = None) -> dict[str, Any]:
        params = dict(params or {})
        self.asked.append(("trace", params))
        if trace_id.startswith("0000"):
            detail = {"trace_id": trace_id, "reason": "not_received", "created_us": NOW, "age_us": 1, "retention_us": 1}
            raise NotFoundError("no such trace", field="trace_id", detail=detail)
        shape = timeline_of if params.get("shape") == "timeline" else flat_of
        return shape(self.tree, TRACE_ID, NOW, params, fresh())

    def node(self, trace_id: str, key: str, params: Any = None) -> dict[str, Any]:
        return panel_of(self.tree, TRACE_ID, NOW, key, self.hostile)

    def found(self, trace_id: str, params: Any) -> dict[str, Any]:
        """A plain word over services, names, paths and the tag that every call of the shop has."""
        word = params.get("words", "").lower()
        hits = [
            at
            for at, node in enumerate(self.tree)
            if word in f"{node['service']} {node['name']} {node['path']} region=eu-{node['key']} ".lower()
        ]
        return {"trace_id": TRACE_ID, "found": hits, "of": len(self.tree)}

    def statistics(self, trace_id: str, params: Any = None) -> dict[str, Any]:
        groups = [
            {
                "value": name,
                "count": 9 - at,
                "errors": at % 2,
                "total_us": 820_000 // (at + 1),
                "avg_us": 90_000,
                "min_us": 10,
                "max_us": 820_000,
                "self_us": 12_000,
                "self_avg_us": 4_000,
                "self_share": 0.5 / (at + 1),
            }
            for at, name in enumerate(self._names())
        ]
        return {"by": "service", "groups": groups}

    def events(self, trace_id: str, params: Any = None) -> dict[str, Any]:
        events = [
            {
                "ts_us": NOW + 1000 * n,
                "offset_us": 1000 * n,
                "key": "cache",
                "value": "miss",
                "node": "k1",
                "service": "orders",
                "name": "GET",
            }
            for n in range(5)
        ]
        return {"events": events, "truncated": False}

    def compare(self, a: str, b: str) -> dict[str, Any]:
        header = self.trace(TRACE_ID, {"shape": "timeline"})
        rows = []
        for at, node in enumerate(self.tree[:12]):
            side = {
                "key": node["key"],
                "duration_us": node["duration"],
                "self_us": 1,
                "error": node["error"],
                "count": 1,
            }
            other = None if at == 5 else {**side, "duration_us": node["duration"] + 5_000 - at * 1_000, "error": False}
            delta = None if other is None else other["duration_us"] - side["duration_us"]
            rows.append(
                {
                    "depth": node["depth"],
                    "service": node["service"],
                    "name": node["name"],
                    "kind": "server",
                    "ordinal": 0,
                    "a": side,
                    "b": other,
                    "delta_us": delta,
                    "status": "a" if other is None else "both",
                }
            )
        return {"a": header, "b": header, "rows": rows}

    def _summary(self, at: int) -> dict[str, Any]:
        failed = at % 3 == 0
        failure = {
            "service": "payments",
            "name": "charge",
            "error_type": "Timeout",
            "error_text": self.hostile or "bank did not answer within 800 ms",
        }
        return {
            "trace_id": f"{0x6921C0DE - at:08x}{at:024x}",
            "service": self.hostile or "gateway",
            "name": "POST /checkout",
            "action": "POST /checkout",
            "start_us": NOW - at * 47_000_000,
            "end_us": NOW,
            "duration_us": 1_240_000 - at * 55_000,
            "spans": 58 - at,
            "errors": 2 if failed else 0,
            "services": [
                {"service": name, "spans": 9 - n, "errors": int(failed and n == 3)}
                for n, name in enumerate(self._names())
            ],
            "uids": [self.hostile or f"u-47{at:02d}"],
            "env": "prod",
            "ahead_us": 0,
            "running": at == 1,
            "incomplete": at == 4,
            "root_received": at != 4,
            "load_test": False,
            "debug": False,
            "weight": 1000,
            "status": "504" if failed else "200",
            "failure": failure if failed else None,
            "matched": [],
            "matched_total": 0,
        }

    def search(self, params: Any) -> dict[str, Any]:
        self.asked.append(("search", dict(params)))
        none = params.get("service") == "nobody"
        most = min(20, int(params.get("limit") or 20))
        traces = [] if none else [self._summary(at) for at in range(most)]
        keys = [key for key in params.get("tags", "").split(",") if key]
        for trace in traces[:2] if keys else ():
            trace["tags"] = {keys[0]: self.hostile or 'a "quoted" one'}
        terms = (
            [{"text": params["filter"], "key": "k", "op": "=", "value": "v", "negated": False}]
            if params.get("filter")
            else []
        )
        return span_of(
            {
                "traces": traces,
                "count": len(traces) and 1312,
                "count_exact": True,
                "next_cursor": None if none else "eyJh",
                "truncated": False,
                "order_by": params.get("order_by", "newest"),
                "as_of_us": NOW,
                "terms": terms,
                "took_ms": 34,
            },
            1,
        )

    def points(self, params: Any) -> dict[str, Any]:
        points = [
            {
                "trace_id": f"a{n:031x}",
                "start_us": NOW - n * 18_000_000,
                "duration_us": 20_000 + (n * 7919) % 1_200_000,
                "errors": int(n % 11 == 0),
                "spans": 4 + n % 40,
                "service": "gateway",
                "name": "POST /checkout",
            }
            for n in range(190)
        ]
        return span_of({"points": points, "truncated": False}, 1)

    def user(self, uid: str, params: Any = None) -> dict[str, Any]:
        found = not uid.startswith("nobody")
        traces = [self._summary(at) for at in range(8)] if found else []
        days = [
            {
                "day": f"2025-11-{15 + n}",
                "day_us": NOW - (8 - n) * 86_400_000_000,
                "traces": 4 + n * 3 % 11,
                "errors": n % 3,
            }
            for n in range(8)
        ]
        return span_of(
            {
                "uid": uid,
                "found": found,
                "traces": traces,
                "next_cursor": None,
                "count": 40,
                "count_exact": True,
                "days": days if found else [],
                "last_seen_us": NOW,
                "first_seen_us": NOW,
                "suggestions": [] if found else ["nobody-1"],
                "sampled": False,
                "sampling_note": None,
            },
            168,
        )

    def services(self, params: Any = None) -> dict[str, Any]:
        return span_of(
            {
                "services": [
                    {"service": name, "calls": 9, "errors": 0, "last_seen_us": NOW, "kind": "service"}
                    for name in self._names()
                ],
                "truncated": False,
            }
        )

    def operations(self, params: Any) -> dict[str, Any]:
        return span_of(
            {
                "service": params["service"],
                "operations": [
                    {"name": "POST /checkout", "kind": "server", "calls": 1, "errors": 0, "last_seen_us": NOW}
                ],
                "truncated": False,
            }
        )

    def instances(self, params: Any) -> dict[str, Any]:
        one = {
            "service": params["service"],
            "instance": "h1:8012",
            "host": "h1",
            "zone": "sh-1",
            "env": "prod",
            "version": "1.4.2",
            "first_seen_us": NOW,
            "last_seen_us": NOW,
            "calls": 100,
            "errors": 1,
            "qps": 1.2,
            "success_rate": 0.99,
            "avg_us": 40_000.0,
            "p50_us": 30_000,
            "p99_us": 90_000,
        }
        return span_of({"instances": [one, {**one, "instance": "h2:8012"}]})

    def envs(self, params: Any = None) -> dict[str, Any]:
        return {"envs": ["prod", "stage"]}

    def stats(self, params: Any = None) -> dict[str, Any]:
        params = dict(params or {})
        names = [n for n in self._names() if params.get("service") in (None, n)]
        if params.get("group") == "operation":
            entries = [
                figures(at, name=names[0], operation=op, kind="server")
                for at, op in enumerate(("POST /checkout", "GET /cart", "GET /health"))
            ]
        else:
            entries = [
                figures(at, name=name, errors=1_200 if name == "payments" else at) for at, name in enumerate(names)
            ]
        return span_of(
            {
                "services": entries,
                "total": figures(0, name="", errors=1_230),
                "group": "service",
                "view": "entry",
                "apdex_t_us": 500_000,
                "slot_s": 10,
                "truncated": False,
            }
        )

    def errors(self, params: Any = None) -> dict[str, Any]:
        groups = [
            ("payments", "charge", "Timeout", 812),
            ("inventory", "reserve", "OutOfStock", 37),
            (self.hostile or "notify", "mail", "", 3),
        ]
        return span_of(
            {
                "groups": [
                    {
                        "service": s,
                        "operation": o,
                        "error_type": e,
                        "count": n,
                        "first_seen_us": NOW,
                        "last_seen_us": NOW,
                        "newest_trace_id": TRACE_ID,
                        "error_text": self.hostile or "no answer",
                        "trend": None,
                    }
                    for s, o, e, n in groups
                ],
                "truncated": False,
            }
        )

    def find(self, text: str) -> dict[str, Any]:
        found = find(text)
        empty = {"kind": found.kind, "trace_id": None, "uid": None, "filter": None, "candidates": []}
        empty["uid"] = "u=4711" if text == "u=4711" else None
        return empty | {{"trace": "trace_id", "user": "uid", "filter": "filter"}[found.kind]: found.value}

    def freshness(self) -> dict[str, Any]:
        return fresh()

    def range(self) -> dict[str, Any]:
        return {"oldest_us": NOW - 86_400_000_000, "newest_us": NOW, "traces": 9, "empty": False}

    def series(self, params: Any) -> dict[str, Any]:
        return series_of(params.get("service") or params["callee"])

    def heatmap(self, params: Any) -> dict[str, Any]:
        return heat_of()

    def dependencies(self, params: Any = None) -> dict[str, Any]:
        self.asked.append(("dependencies", dict(params or {})))
        return graph_of(self.hostile, (params or {}).get("focus"))

    def system(self) -> dict[str, Any]:
        return system_of()
