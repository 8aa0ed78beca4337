"""A recount of every table by plain Python, from the rows that should have been stored."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse

Row = dict[str, Any]
Figures = dict[tuple[Any, ...], list[Any]]


def rows_of(bodies: Iterable[bytes], now: int, form: str = "native") -> list[Row]:
    """The ingest rows that these messages make when each is a block of its own."""
    found: list[Row] = []
    for number, body in enumerate(bodies):
        columns = build_block([Message(number, form, body)], Plan(number, number + 1, now)).columns
        found += [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return found


def differences(store: ClickHouse, rows: list[Row]) -> dict[str, str]:
    """Tables that differ from the recount of `rows`, with a sample of what differs; empty when all are equal."""
    found = {}
    for table, (statement, expected) in _cases(rows).items():
        with store.reader() as handle:
            answer = handle.query(statement.replace("$", store.database + ".")).result_rows
        stored = {tuple(_plain(v) for v in row[:-1]): _plain(row[-1]) for row in answer}
        wanted = {key: _plain(value) for key, value in expected.items()}
        if stored != wanted:
            found[table] = _sample(stored, wanted)
    return found


def _sample(stored: dict[Any, Any], wanted: dict[Any, Any]) -> str:
    missing = [(key, wanted[key]) for key in wanted if key not in stored]
    extra = [(key, stored[key]) for key in stored if key not in wanted]
    changed = [(key, stored[key], wanted[key]) for key in wanted if key in stored and stored[key] != wanted[key]]
    told = (("missing", missing), ("extra", extra), ("changed: (key, stored, wanted)", changed))
    return ", ".join(f"{len(found)} {what} {found[:1]!r:.300}" for what, found in told if found)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((_plain(k), _plain(v)) for k, v in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_plain(v) for v in value)
    return value


def _cases(rows: list[Row]) -> dict[str, tuple[str, dict[Any, Any]]]:
    finished = [row for row in rows if not row["unfinished"]]
    # Rows that are not kept are in the figures and nowhere else.
    rows = [row for row in rows if row["keep"]]
    cases: dict[str, tuple[str, dict[Any, Any]]] = {
        "spans": (
            "SELECT hex(trace_id), id, kind, span_id, name, start_us, uid, count() FROM $spans GROUP BY ALL",
            Counter(
                (r["trace_id"].hex().upper(), r["id"], r["kind"], r["span_id"], r["name"], r["start_us"], r["uid"])
                for r in rows
            ),
        ),
        "spans_by_service": (
            "SELECT service, start_us, id, kind, entry, load_test, count() FROM $spans_by_service GROUP BY ALL",
            Counter((r["service"], r["start_us"], r["id"], r["kind"], _entry(r), _load(r)) for r in rows),
        ),
        "traces_by_uid": (
            "SELECT uid, hex(trace_id), min(start_us) FROM $traces_by_uid GROUP BY ALL",
            _least((r["uid"], r["trace_id"].hex().upper(), r["start_us"]) for r in rows if r["uid"]),
        ),
        "traces": (_TRACES, _traces(rows)),
        "error_groups": (
            "SELECT service, name, error_type, load_test, sum(calls) FROM $error_groups GROUP BY ALL",
            _sum(((r["service"], r["name"], r["error_type"], _load(r)), r["weight"]) for r in finished if r["error"]),
        ),
        "operations": (
            "SELECT service, name, kind, entry, sum(calls) FROM $operations GROUP BY ALL",
            _sum(((r["service"], r["name"], r["kind"], _entry(r)), r["weight"]) for r in finished),
        ),
        "instances": (
            "SELECT service, instance, zone, version, sum(calls) FROM $instances GROUP BY ALL",
            _sum(((r["service"], r["instance"], r["zone"], r["version"]), r["weight"]) for r in finished),
        ),
        "tag_values": (
            "SELECT key, sum(rows) FROM $tag_values GROUP BY ALL",
            _sum(((key,), 1) for r in rows for key, value in r["tags"].items() if len(value.encode()) <= 128),
        ),
        "attr_keys": (
            "SELECT key, sum(rows) FROM $attr_keys GROUP BY ALL",
            _sum(((key,), 1) for r in rows for key in r["attrs"].keys() | _noted(r["annotations"])),
        ),
        "links_to": (
            "SELECT to_id, id, count() FROM $links_to GROUP BY ALL",
            Counter((link[1], r["id"]) for r in rows for link in r["links"]),
        ),
    }
    for table, seconds in (("stats_10s", 10), ("stats_1m", 60), ("stats_1h", 3600)):
        keys = "toUnixTimestamp(slot), service, name, kind, entry, env, load_test"
        cases[table] = (_figures_sql(keys, table), _figures(finished, _stats_key(seconds)))
    for table, seconds in (("services_1m", 60), ("services_1h", 3600)):
        keys = "toUnixTimestamp(slot), service, kind, entry, env, load_test"
        cases[table] = (_figures_sql(keys, table), _figures(finished, _service_key(seconds)))
    for table in (
        "stats_10s",
        "stats_1m",
        "stats_1h",
        "stats_instance_1m",
        "stats_instance_1h",
        "services_1m",
        "services_1h",
    ):
        cases[f"outcomes of {table}"] = (
            f"SELECT service, (sum(status_4xx), sumMap(failed)) FROM ${table} GROUP BY ALL",
            _outcomes(finished),
        )
    for table, seconds in (("stats_instance_1m", 60), ("stats_instance_1h", 3600)):
        keys = "toUnixTimestamp(slot), service, instance, zone, entry, load_test"
        cases[table] = (_figures_sql(keys, table), _figures(finished, _instance_key(seconds)))
    for table, seconds in (("edges_1m", 60), ("edges_1h", 3600)):
        keys = "toUnixTimestamp(slot), caller, callee, side, load_test"
        cases[table] = (_figures_sql(keys, table), _figures(finished, _edge_key(seconds)))
    told = [row for row in finished if row["kind"] in {"client", "producer"}]
    values = "(sum(calls), sum(errors), sum(rows))"
    for table, seconds in (("called_1m", 60), ("called_1h", 3600)):
        cases[table] = (
            f"SELECT toUnixTimestamp(slot), callee, side, load_test, {values} FROM ${table} GROUP BY ALL",
            _counts(_figures(told, _edge_key(seconds))),
        )
    for table, names in (("service_names", ("service",)), ("operation_names", ("service", "name", "kind"))):
        cases[table] = (
            f"SELECT {', '.join(names)}, load_test, (min(first_us), max(last_us)) FROM ${table} GROUP BY ALL",
            _sights(((*(r[name] for name in names), _load(r)), r["start_us"]) for r in rows),
        )
    return cases


def _counts(edges: Figures) -> Figures:
    """Calls, failures and rows of all callers together."""
    found: Figures = defaultdict(lambda: [0, 0, 0])
    for (slot, _, *key), values in edges.items():
        found[slot, *key] = [known + more for known, more in zip(found[slot, *key], values, strict=False)]
    return dict(found)


def _sights(times: Iterable[tuple[tuple[Any, ...], int]]) -> Figures:
    """First and last time by key."""
    found: Figures = {}
    for key, at in times:
        first, last = found.get(key, (at, at))
        found[key] = [min(first, at), max(last, at)]
    return found


_TRACES = """SELECT hex(trace_id), (min(start_us), max(end_us), sum(spans), sum(unfinished), sum(errors),
arraySort(groupUniqArrayArray(services)), arraySort(groupUniqArrayArray(uids)), tupleElement(min(root), 'start_us'))
FROM $traces GROUP BY trace_id"""


def _figures_sql(keys: str, table: str) -> str:
    values = "(sum(calls), sum(errors), sum(rows), sum(duration_sum), max(duration_max), sumMap(hist))"
    return f"SELECT {keys}, {values} FROM ${table} GROUP BY ALL"


def _figures(rows: list[Row], key_of: Callable[[Row], tuple[Any, ...] | None]) -> Figures:
    found: Figures = defaultdict(lambda: [0, 0, 0, 0, 0, Counter()])
    for row in rows:
        key = key_of(row)
        if key is None:
            continue
        figures, weight, duration = found[key], row["weight"], row["duration_us"]
        figures[0] += weight
        figures[1] += weight * row["error"]
        figures[2] += 1
        figures[3] += weight * duration
        figures[4] = max(figures[4], duration)
        figures[5][_bucket(duration)] += weight
    return {key: [*value[:5], dict(value[5])] for key, value in found.items()}


def _slot(row: Row, seconds: int) -> int:
    return int(row["start_us"] // 1_000_000 // seconds * seconds)


def _entry(row: Row) -> int:
    return int(row["kind"] in {"server", "consumer"} or not row["parent_id"])


def _load(row: Row) -> int:
    return int(bool(row["flags"] & 4))


def _stats_key(seconds: int) -> Callable[[Row], tuple[Any, ...]]:
    return lambda r: (_slot(r, seconds), r["service"], r["name"], r["kind"], _entry(r), r["env"], _load(r))


def _service_key(seconds: int) -> Callable[[Row], tuple[Any, ...]]:
    return lambda r: (_slot(r, seconds), r["service"], r["kind"], _entry(r), r["env"], _load(r))


def _outcomes(rows: list[Row]) -> Figures:
    found: Figures = defaultdict(lambda: [0, Counter()])
    for row in rows:
        figures, tags = found[row["service"],], row["tags"]
        status = tags.get("http.response.status_code") or tags.get("http.status_code", "")
        figures[0] += row["weight"] if len(status) == 3 and status[0] == "4" else 0
        if row["error"]:
            figures[1][_bucket(row["duration_us"])] += row["weight"]
    return {key: [count, dict(failed)] for key, (count, failed) in found.items()}


def _bucket(duration_us: int) -> int:
    return math.floor(math.log(max(duration_us, 1)) / math.log(1.04))


def _instance_key(seconds: int) -> Callable[[Row], tuple[Any, ...]]:
    return lambda r: (_slot(r, seconds), r["service"], r["instance"], r["zone"], _entry(r), _load(r))


def _edge_key(seconds: int) -> Callable[[Row], tuple[Any, ...] | None]:
    def key(r: Row) -> tuple[Any, ...] | None:
        caller, callee = _edge(r)
        return (_slot(r, seconds), caller, callee, r["kind"], _load(r)) if caller and callee else None

    return key


def _edge(r: Row) -> tuple[str, str]:
    """Ends of a call of which one row tells both; the others are paired (support.call_oracle)."""
    kind, peer, peer_kind = r["kind"], r["peer"], r["peer_kind"]
    if r["foreign"] and kind in {"producer", "consumer"}:
        return "", ""
    if kind == "client" and (peer_kind not in {"db", "mq", "cache"} if r["foreign"] else not peer_kind):
        return "", ""
    if kind == "server" and r["foreign"] and (r["parent_id"] or "zipkin.shared" in r["attrs"]):
        return "", ""
    if kind == "client":
        return r["service"], f"{peer_kind}:{peer}" if peer and peer_kind in {"db", "mq", "cache", "external"} else peer
    if kind == "producer":
        return r["service"], f"mq:{peer}" if peer else ""
    if kind == "consumer" and peer:
        return f"mq:{peer}", r["service"]
    if kind in {"server", "consumer"}:
        root = "USER" if kind == "server" and not r["parent_id"] else ""
        return r["caller_service"] or root, r["service"]
    return "", ""


def _traces(rows: list[Row]) -> dict[Any, Any]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["trace_id"].hex().upper()].append(row)
    return {
        (trace_id,): (
            min(r["start_us"] for r in found),
            max(r["start_us"] + r["duration_us"] for r in found),
            len(found),
            sum(r["unfinished"] for r in found),
            sum(r["error"] for r in found),
            sorted({r["service"] for r in found}),
            sorted({r["uid"] for r in found if r["uid"]}),
            min((int(bool(r["parent_id"])), r["start_us"]) for r in found)[1],
        )
        for trace_id, found in grouped.items()
    }


def _noted(annotations: Iterable[tuple[int, str, str]]) -> set[str]:
    """Keys under which annotations of a name and a word say something."""
    return {name for _, key, value in annotations if value for name in ("message", key)}


def _sum(pairs: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    found: Counter[Any] = Counter()
    for key, number in pairs:
        found[key] += number
    return dict(found)


def _least(triples: Iterable[tuple[Any, ...]]) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for *key, value in triples:
        found[tuple(key)] = min(value, found.get(tuple(key), value))
    return found
