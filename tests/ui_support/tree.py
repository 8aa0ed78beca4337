"""A made-up trace in the shapes ``timeline`` and ``flat`` of docs/api.md."""

from typing import Any

KINDS = ["local", "client", "server", "producer", "consumer"]


def shop_tree(extra: int = 0) -> list[dict[str, Any]]:
    """Nodes in pre-order; ``extra`` adds that many calls under the root."""
    nodes: list[dict[str, Any]] = []
    newest: dict[str, int] = {}

    def add(path: str, service: str, name: str, start: int, duration: int, **facts: Any) -> None:
        parent = newest.get(path.rpartition(".")[0], -1)
        newest[path] = len(nodes)
        nodes.append(
            {
                "key": f"k{len(nodes)}",
                "path": path,
                "service": service,
                "name": name,
                "start": start,
                "duration": duration,
                "parent": parent,
                "depth": path.count("."),
                "kind": "server",
                "error": False,
                "placeholder": False,
                "attempt": 0,
                "inner": (start + duration // 12, duration * 10 // 12),
                "critical": False,
                **facts,
            }
        )

    add("0", "gateway", "POST /checkout", 0, 1_240_000, inner=None, critical=True)
    add("0.1", "users", "GET /users/{id}", 12_000, 84_000)
    add("0.1.1", "users", "SELECT users", 30_000, 41_000, kind="client", inner=None)
    add("0.2", "orders", "POST /orders", 110_000, 1_100_000, error=True, critical=True)
    add("0.2.1", "", "", 130_000, 60_000, placeholder=True, inner=None)
    add("0.2.1.1", "inventory", "reserve", 140_000, 40_000)
    add("0.2.2", "payments", "charge", 220_000, 930_000, error=True, critical=True)
    for attempt in range(3):
        add(
            f"0.2.2.{attempt + 1}",
            "bank",
            "POST /auth",
            230_000 + attempt * 300_000,
            280_000,
            kind="client",
            error=attempt < 2,
            attempt=attempt,
            inner=None,
        )
    add("0.2.3", "orders", "send orders.placed", 1_160_000, 8_000, kind="producer", inner=None)
    add("0.2.3.1", "notify", "mail", 1_180_000, 60_000, kind="consumer", inner=None)
    for n in range(extra):
        add(
            f"0.{n + 3}",
            ("inventory", "users", "payments")[n % 3],
            f"GET /item/{n % 7}",
            1_000 * (n % 900),
            900 + n % 5_000,
            inner=None,
            error=n % 997 == 5,
        )
    return nodes


def header(
    tree: list[dict[str, Any]], trace_id: str, now: int, freshness: dict[str, Any], window: dict[str, Any]
) -> dict[str, Any]:
    services: dict[str, dict[str, Any]] = {}
    for node in tree:
        entry = services.setdefault(node["service"], {"service": node["service"], "nodes": 0, "errors": 0})
        entry["nodes"] += 1
        entry["errors"] += node["error"]
    services.pop("", None)
    return {
        "trace_id": trace_id,
        "state": "incomplete",
        "service": tree[0]["service"],
        "name": tree[0]["name"],
        "start_us": now,
        "end_us": now + 1_650_000,
        "duration_us": 1_240_000,
        "extent_us": 1_650_000,
        "after_us": 410_000,
        "expected": len(tree),
        "received": len(tree) - 1,
        "missing": ["0.2.1"],
        "missing_total": 1,
        "missing_truncated": False,
        "spans": 21,
        "rows": 21,
        "nodes": len(tree),
        "total_rows": 21,
        "truncated": False,
        "depth": 4,
        "errors": sum(n["error"] for n in tree),
        "uids": ["u-4711"],
        "envs": ["prod"],
        "services": list(services.values()),
        "failure": {
            "service": "payments",
            "name": "charge",
            "error_type": "Timeout",
            "error_text": "bank did not answer within 800 ms",
            "key": "k6",
        },
        "flags": {"sampled": True, "debug": False, "load_test": False},
        "weight": 1000,
        "adjusted": False,
        "derived": False,
        "links": [],
        "linked_from": [],
        "warnings": [{"code": "missing_parent", "level": "warning", "message": "1", "count": 1, "keys": ["k4"]}],
        "window": window,
        "freshness": freshness,
    }


def _window(tree: list[dict[str, Any]], params: dict[str, str]) -> tuple[int, int, dict[str, Any]]:
    limit = int(params["limit"]) if "limit" in params else None
    start = int(params.get("offset", 0))
    if params.get("focus") and limit:
        at = next((i for i, n in enumerate(tree) if n["key"] == params["focus"]), 0)
        start = 0 if at < limit else at - limit // 2
    end = len(tree) if limit is None else start + limit
    return start, end, {"offset": start, "limit": limit, "total": len(tree), "root": params.get("root")}


def timeline_of(
    tree: list[dict[str, Any]], trace_id: str, now: int, params: dict[str, str], freshness: dict[str, Any]
) -> dict[str, Any]:
    start, end, window = _window(tree, params)
    part = tree[start:end]
    services = sorted({n["service"] for n in part})
    names = sorted({n["name"] for n in part})
    below = [
        sum(1 for o in tree if o["path"].startswith(n["path"] + "."))
        if len(tree) < 500
        else (len(tree) if n["path"] == "0" else 1)
        for n in part
    ]
    failing = {o["path"] for o in tree if o["error"]}
    columns = {
        "key": [n["key"] for n in part],
        "span_id": [n["path"] for n in part],
        "parent": [n["parent"] - start if n["parent"] >= start else -1 for n in part],
        "depth": [n["depth"] for n in part],
        "service": [services.index(n["service"]) for n in part],
        "name": [names.index(n["name"]) for n in part],
        "kind": [KINDS.index(n["kind"]) for n in part],
        "start": [n["start"] for n in part],
        "duration": [n["duration"] for n in part],
        "inner_start": [n["inner"][0] if n["inner"] else -1 for n in part],
        "inner_duration": [n["inner"][1] if n["inner"] else -1 for n in part],
        "flags": [
            n["error"] * 1
            + n["placeholder"] * 2
            + 16 * any(p.startswith(n["path"] + ".") for p in failing)
            + n["critical"] * 32
            for n in part
        ],
        "subtree": [b + 1 for b in below],
        "self": [n["duration"] // 3 for n in part],
        "gap": [0 for _ in part],
        "critical": [n["duration"] // 2 if n["critical"] else 0 for n in part],
        "attempt": [n["attempt"] for n in part],
        "peer": ["" for _ in part],
    }
    path = [
        [0, 0, 110_000],
        [3, 110_000, 220_000],
        [6, 220_000, 1_150_000],
        [3, 1_150_000, 1_210_000],
        [0, 1_210_000, 1_240_000],
    ]
    return {
        **header(tree, trace_id, now, freshness, window),
        "service_table": services,
        "name_table": names,
        "kinds": KINDS,
        "columns": columns,
        "critical_path": [p for p in path if p[0] < len(part)],
    }


def node_of(tree: list[dict[str, Any]], now: int, at: int) -> dict[str, Any]:
    n = tree[at]
    return {
        "key": n["key"],
        "span_id": n["path"],
        "derived": False,
        "reported": n["path"],
        "id": f"{at + 1:016x}",
        "service": n["service"],
        "name": n["name"],
        "kind": n["kind"],
        "peer": "payments",
        "peer_kind": "service",
        "caller_service": "gateway",
        "caller_name": "POST /checkout",
        "instance": "h1:8012",
        "placeholder": n["placeholder"],
        "depth": n["depth"],
        "start_us": now + n["start"],
        "duration_us": n["duration"],
        "unfinished": False,
        "time_unknown": False,
        "error": n["error"],
        "error_type": "Timeout" if n["error"] else "",
        "attempt": n["attempt"],
        "one_way": False,
        "network": {"out_us": 8000, "in_us": 9000, "total_us": 17000} if n["inner"] else None,
        "queue_us": None,
        "self_us": n["duration"] // 3,
        "gap_us": 400,
        "critical_us": 640000,
        "critical_share": 0.516,
        "subtree_nodes": 7,
        "subtree_errors": 1,
        "skew_us": None,
        "skew_reason": None,
        "expected_children": 3,
        "missing_children": [],
        "warnings": [{"code": "lost_leaf", "level": "warning", "message": "x"}] if n["placeholder"] else [],
        "rows": [
            {"error_text": "bank did not answer"},
            {
                "error_text": "",
                "zone": "sh-1",
                "version": "1.4.2",
                "weight": 10_000,
                "links": [["b" * 32, "c" * 16, "producer"]],
            },
        ],
        "index": at,
        "parent": n["parent"] if n["parent"] >= 0 else None,
    }


def flat_of(
    tree: list[dict[str, Any]], trace_id: str, now: int, params: dict[str, str], freshness: dict[str, Any]
) -> dict[str, Any]:
    start, end, window = _window(tree, params)
    nodes = [node_of(tree, now, at) for at in range(start, min(end, len(tree)))]
    return {**header(tree, trace_id, now, freshness, window), "nodes": nodes, "roots": nodes[:1]}


def panel_of(tree: list[dict[str, Any]], trace_id: str, now: int, key: str, hostile: str) -> dict[str, Any]:
    at = next(i for i, n in enumerate(tree) if n["key"] == key)
    children = [n for n in tree if n["parent"] == at]
    tags = [
        ("http.response.status_code", "504"),
        ("http.request.method", "POST"),
        ("url.path", "/orders/8812"),
        (hostile or "region", hostile or 'a "quoted" one'),
    ]
    return {
        "trace_id": trace_id,
        "node": node_of(tree, now, at),
        "siblings": {"index": 0, "count": 1},
        "parent": None,
        "children": [
            {
                "key": c["key"],
                "span_id": c["path"],
                "service": c["service"],
                "name": c["name"],
                "duration_us": c["duration"],
                "error": c["error"],
            }
            for c in children
        ],
        "annotations": [
            {"offset_us": 543, "ts_us": now + 543, "key": "cache", "value": hostile or "miss", "side": "client"}
        ],
        "tags": [{"key": k, "value": v, "side": "server", "indexed": True} for k, v in tags],
        "percentile": 97.3 if at == 6 else None,
        "freshness": {},
    }
