"""The questions of the read benchmark, as paths of the API; each asks with other values every time."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
from query_data import BUSIEST, HOUR_US, Data

ALWAYS = 10**9


@dataclass(frozen=True, slots=True)
class Question:
    """``path`` makes the next path to ask; at most ``most`` turns."""

    name: str
    path: Callable[[], str]
    most: int = ALWAYS


def questions(data: Data) -> list[Question]:
    """Every question of docs/speed.md that is asked while nothing comes in."""
    return [*_traces(data), *_searches(data), *_figures(data)]


def _traces(data: Data) -> list[Question]:
    ids, seen = itertools.cycle(data.looked_up), data.looked_up[0]
    large = data.large[0]
    return [
        Question("/health/live", lambda: "/health/live"),
        Question("trace by id, 30 spans", lambda: f"/api/v1/traces/{next(ids)}"),
        Question("the same trace again", lambda: f"/api/v1/traces/{seen}"),
        Question("10,000 spans: timeline", lambda: f"/api/v1/traces/{large}?shape=timeline&limit=200", 8),
        Question("10,000 spans: whole tree", lambda: f"/api/v1/traces/{large}", 8),
        Question("10,000 spans: Zipkin JSON", lambda: f"/api/v2/trace/{large}", 8),
    ]


def _searches(data: Data) -> list[Question]:
    numbers = itertools.count()

    def search(hours: int, **values: object) -> Callable[[], str]:
        since = max(data.from_us, data.to_us - hours * HOUR_US)
        bounds = {"from": since, "to": data.to_us, "limit": 20}

        def path() -> str:
            number = next(numbers)
            changing = {name: value(number) if callable(value) else value for name, value in values.items()}
            return f"/api/v1/traces?{urlencode(bounds | changing)}"

        return path

    def service(number: int) -> str:
        return f"svc-{1 + number % 199}"

    def user() -> str:
        bounds = urlencode({"from": data.from_us, "to": data.to_us, "limit": 20})
        return f"/api/v1/users/u-{next(numbers) % 20_000}/timeline?{bounds}"

    longest = {"service": BUSIEST, "order_by": "longest"}
    return [
        Question("a user over all services, page of 20", user),
        Question("service, 1 h", search(1, service=service)),
        Question("service and operation, 1 h", search(1, service=service, operation=lambda n: f"GET /op-{n % 13}")),
        Question("tag, 24 h", search(24, filter=lambda n: f"shop.tenant={n % 200}")),
        Question("newest 20", search(24)),
        Question("slowest 20 of the busiest service, 1 h", search(1, **longest)),
        Question("slowest 20 of the busiest service, 24 h", search(24, **longest)),
        Question(
            "two terms with OR and NOT, 24 h",
            search(
                24,
                filter=lambda n: (
                    f"(shop.tenant={n % 200} OR shop.tenant={(n + 7) % 200}) AND NOT http.response.status_code=504"
                ),
            ),
        ),
        Question("duration over a bound, service, 1 h", search(1, service=service, filter="duration>200000")),
    ]


def _figures(data: Data) -> list[Question]:
    def path(name: str, hours: int, **values: object) -> Callable[[], str]:
        since = max(data.from_us, data.to_us - hours * HOUR_US)
        return lambda: f"/api/v1/{name}?{urlencode({'from': since, 'to': data.to_us} | values)}"

    return [
        Question("all services with p999, 1 h", path("stats", 1)),
        Question("all services with p999, 24 h", path("stats", 24)),
        Question("map, 24 h, 200 services, 2,000 edges", path("dependencies", 24)),
        Question("services", path("services", 24)),
        Question("span names of a service", path("operations", 24, service=BUSIEST)),
        Question("heatmap of the busiest service, 24 h", path("heatmap", 24, service=BUSIEST)),
        Question("instances of a service, 24 h", path("instances", 24, service=BUSIEST)),
        Question("series of a service, 24 h", path("series", 24, service=BUSIEST)),
        Question("the system's own state", lambda: "/api/v1/system"),
    ]


def arriving(client: httpx.Client, count: int, timed: Callable[[Callable[[], object]], float]) -> list[float]:
    """Milliseconds to look up traces of 30 rows that came seconds ago."""
    now = time.time_ns() // 1_000
    ids = [f"{now // 1_000_000:08x}{0xA000 + number:024x}" for number in range(count)]
    for trace_id in ids:
        client.post("/api/v1/spans", json=_rows(trace_id, now)).raise_for_status()
    _wait_for(client, ids[-1])
    return [timed(lambda path=path: client.get(path).raise_for_status()) for path in _paths(ids)]  # type: ignore[misc]


def _paths(ids: list[str]) -> list[str]:
    return [f"/api/v1/traces/{trace_id}" for trace_id in ids]


def _rows(trace_id: str, now: int) -> list[dict[str, object]]:
    return [
        {
            "trace_id": trace_id,
            "span_id": f"0.{number}" if number else "0",
            "id": f"{number + 1:016x}",
            "parent_id": f"{1:016x}" if number else None,
            "kind": "local" if number else "server",
            "service": f"wide-{number % 10}",
            "name": f"step {number}",
            "start_us": now - 600_000 + number * 20,
            "duration_us": 500,
            "tags": {"shop.tenant": str(number), "http.request.method": "GET"},
        }
        for number in range(30)
    ]


def _wait_for(client: httpx.Client, trace_id: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while client.get(f"/api/v1/traces/{trace_id}").status_code != 200:
        if time.monotonic() > end:
            raise RuntimeError("the trace that was posted is not there")
        time.sleep(0.1)
