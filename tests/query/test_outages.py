"""An outage shows: refused and timed out calls count, wherever calls are counted.

Calls are made up first, then the rows that both sides would have sent of them; every answer must
equal a count over the calls themselves.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hopline.model import Row
from hopline_query.dialects import jaeger, zipkin
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader

START = 1_763_800_000_000_000 // 60_000_000 * 60_000_000
MINUTE = 60_000_000
AROUND = {"from": str(START), "to": str(START + MINUTE)}
SERVICES = ("gateway", "orders", "stock", "bank", "idle")
SEEDS = range(4)


@dataclass(frozen=True)
class Call:
    """One call: what became of it, who told of it, and how its caller named the far end."""

    caller: str
    callee: str
    outcome: str
    tracer: str
    told: str
    weight: int = 1_000

    @property
    def client_came(self) -> bool:
        return self.told != "server"

    @property
    def server_came(self) -> bool:
        return self.told != "client" and self.outcome != "refused"

    @property
    def failed_for_caller(self) -> bool:
        return self.outcome != "ok"

    @property
    def failed_for_callee(self) -> bool:
        return self.outcome == "failed"


def random_calls(seed: int) -> list[Call]:
    """Calls between four services; to `bank` nearly all are refused; addresses are known from named calls."""
    source = random.Random(seed)
    found = []
    for _ in range(60):
        caller, callee = source.sample(SERVICES[:4], 2)
        outcome = source.choice(("ok", "ok", "failed", "refused", "timeout"))
        if callee == "bank" and source.random() < 0.8:
            outcome = "refused"
        tracer = source.choice(("named", "address", "foreign"))
        told = "both" if outcome == "refused" else source.choice(("both", "both", "client", "server"))
        if tracer == "foreign" or (tracer == "address" and outcome != "refused"):
            # The rows that pair by id need both sides to know both names.
            told = "both" if tracer == "address" else source.choice(("both", "client"))
        found.append(Call(caller, callee, outcome, tracer, told, source.choice((1_000, 1_000, 10_000))))
    return found


def address_of(service: str) -> str:
    return f"10.0.0.{SERVICES.index(service)}:8080"


def rows_of(calls: list[Call], seed: int) -> list[Row]:
    """What both sides send of the calls, and one job of each service, so that all of them are known."""
    source = random.Random(seed + 1_000)
    rows = [row(f"{n:032x}", "0", (f"{n:016x}", None), name, START + 8_000_000) for n, name in jobs()]
    for number, call in enumerate(calls, 100):
        trace, client, server = f"{number:032x}", f"{number:x}c".zfill(16), f"{number:x}d".zfill(16)
        start = START + source.randrange(10, 50) * 1_000_000
        path = "" if call.tracer == "foreign" else "0.1"
        if call.client_came:
            answered = call.outcome not in {"refused", "timeout"}
            more = {"peer": call.callee, "peer_kind": "service"}
            if call.tracer == "foreign":
                more = {"peer": call.callee}
            elif call.tracer == "address" and not (answered and call.server_came):
                more = {"peer": address_of(call.callee)}
            elif call.tracer == "address":
                host = address_of(call.callee)
                more |= {
                    "tags": {"server.address": host.partition(":")[0]},
                    "attrs": {"url.full": f"http://{host}/x"},
                }
            more |= {"error": call.failed_for_caller, "weight": call.weight}
            rows.append(row(trace, path, (client, "f" * 16), call.caller, start, kind="client", **more))
        if call.server_came:
            more = {} if call.tracer == "foreign" else {"caller_service": call.caller}
            more |= {"error": call.failed_for_callee, "weight": call.weight}
            rows.append(row(trace, path, (server, client), call.callee, start + 10, kind="server", **more))
    source.shuffle(rows)
    return rows


def jobs() -> Iterator[tuple[int, str]]:
    return enumerate(SERVICES, 1)


def row(trace, path, ids, service, start, *, kind="local", **more) -> Row:
    id_, parent = ids
    return Row(
        trace_id=trace,
        kind=kind,
        service=service,
        name="call",
        start_us=start,
        span_id=path,
        id=id_,
        parent_id=parent,
        duration_us=5_000,
        instance=f"{service}:1",
        arrived=START + MINUTE,
        **more,
    )


def sides_of(calls: list[Call]) -> dict[tuple[str, str], list[int]]:
    """(caller, callee) -> calls, failures and rows of the callers, calls and failures of the callee, weighted."""
    taught = {c.callee for c in calls if c.tracer == "address" and c.outcome in {"ok", "failed"} and c.server_came}
    sides: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for call in calls:
        named = call.tracer != "address" or call.server_came or call.callee in taught
        pair = (call.caller, call.callee if named else f"external:{address_of(call.callee)}")
        counts = sides[pair]
        if call.client_came:
            counts[0] += call.weight
            counts[1] += call.weight * call.failed_for_caller
            counts[2] += 1
        if call.server_came:
            counts[3] += call.weight
            counts[4] += call.weight * call.failed_for_callee
    return sides


def recount(calls: list[Call]) -> dict[tuple[str, str], tuple[float, float, float]]:
    """(caller, callee) -> calls, errors, unreceived, by the definition of D1."""
    return {
        pair: (
            max(client, server) / 1_000,
            (failed if rows else refused) / 1_000,
            0 if pair[1].startswith("external:") else max(0, client - server) / 1_000,
        )
        for pair, (client, failed, rows, server, refused) in sides_of(calls).items()
        if client or server
    }


def zipkin_links(calls: list[Call]) -> dict[tuple[str, str], tuple[float, float]]:
    """(parent, child) -> callCount and errorCount: Zipkin counts the callee's failures; those it never saw count."""
    return {
        (caller, callee.removeprefix("external:")): (max(client, server) / 1_000, max(failed, refused) / 1_000)
        for (caller, callee), (client, failed, _, server, refused) in sides_of(calls).items()
        if client or server
    }


def callers_of(calls: list[Call]) -> dict[str, tuple[float, float]]:
    """Service -> calls and failures, as its callers told them."""
    taught = {c.callee for c in calls if c.tracer == "address" and c.outcome in {"ok", "failed"} and c.server_came}
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for call in calls:
        if call.client_came and (call.tracer != "address" or call.server_came or call.callee in taught):
            found[call.callee][0] += call.weight
            found[call.callee][1] += call.weight * call.failed_for_caller
    return {name: (counts[0] / 1_000, counts[1] / 1_000) for name, counts in found.items()}


@pytest.fixture(params=["twin", "engine"])
def over(request, engine, store_rows):
    """Over rows: a query service on the twin or on the engine."""

    def make(rows: list[Row]) -> QueryService:
        if request.param == "engine":
            store_rows(rows)
        reader = MemoryReader(rows) if request.param == "twin" else ClickHouseReader(engine)
        return QueryService(reader, clock=lambda: START + MINUTE)

    return make


@pytest.mark.parametrize("seed", SEEDS)
def test_every_view_counts_the_calls(over, seed):
    """D1, D5, L1: map, services and both dialects equal a count over random calls, answered or not."""
    calls = random_calls(seed)
    service = over(rows_of(calls, seed))
    expected = recount(calls)
    answer = service.dependencies(AROUND)
    edges = {(e["caller"], e["callee"]): (e["calls"], e["errors"], e["unreceived"]) for e in answer["edges"]}
    assert edges == expected

    told = callers_of(calls)
    for entries, name in ((service.stats(AROUND)["services"], "service"), (answer["nodes"], "name")):
        seen = {e[name]: e["callers"] and (e["callers"]["calls"], e["callers"]["errors"]) for e in entries}
        assert {key: seen[key] for key in SERVICES} == {key: told.get(key) for key in SERVICES}

    asked = {"endTs": str((START + MINUTE) // 1_000 - 1), "lookback": "59999"}
    plain = zipkin_links(calls)
    links, _ = zipkin.dependencies(service, asked)
    assert {(e["parent"], e["child"]): (e["callCount"], e.get("errorCount", 0)) for e in links} == plain
    links, _ = jaeger.dependencies(service, asked)
    assert {(e["parent"], e["child"]): e["callCount"] for e in links} == {
        pair: count for pair, (count, _) in plain.items()
    }


def test_half_of_ten_calls_refused(over):
    """D1: ten calls of which five were refused are ten calls with five failures; the callee's own rows are fine."""
    calls = [Call("gateway", "orders", "refused" if n % 2 else "ok", "named", "both") for n in range(10)]
    service = over(rows_of(calls, 0))
    (edge,) = service.dependencies(AROUND)["edges"]
    assert (edge["calls"], edge["errors"], edge["unreceived"], edge["error_rate"]) == (10, 5, 5, 0.5)
    orders = next(e for e in service.stats(AROUND)["services"] if e["service"] == "orders")
    # Five requests and the job that made the service known.
    assert (orders["calls"], orders["success_rate"]) == (6, 1.0)
    assert orders["callers"] == {"calls": 10, "errors": 5, "success_rate": 0.5}


def test_a_service_that_is_down_is_listed(over):
    """L1, L7: a service that answers nobody has no figures of its own, and stands in the list by its callers'."""
    before = row(f"{1:032x}", "0", (f"{1:016x}", None), "orders", START - 60 * MINUTE)
    calls = [Call("gateway", "orders", "refused", "named", "both") for _ in range(4)]
    rows = [r for r in rows_of(calls, 0) if r.service == "gateway"]
    service = over([before, *rows])
    orders = next(e for e in service.stats(AROUND)["services"] if e["service"] == "orders")
    assert (orders["calls"], orders["success_rate"]) == (0, None)
    assert orders["callers"] == {"calls": 4, "errors": 4, "success_rate": 0.0}
    assert [e["service"] for e in service.stats({**AROUND, "service": "orders"})["services"]] == ["orders"]
