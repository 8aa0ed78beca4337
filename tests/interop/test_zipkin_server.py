"""What a real Zipkin answers to the same spans, beside ours."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support import wait_until
from support.accounts import wait_handed_over
from support.hopline_process import Server

AGO_US = 600_000_000


def traces(base: int) -> dict[str, list[dict[str, Any]]]:
    """Traces by what is special about them; ``base`` is when they began, in microseconds."""

    def span(trace: str, own: str, service: str, kind: str | None = None, at: int = 0, **more: Any) -> dict[str, Any]:
        found = {"traceId": trace * 8, "id": own.rjust(16, "0"), "name": "op", "timestamp": base + at, "duration": 900}
        return found | {"localEndpoint": {"serviceName": service}} | ({"kind": kind} if kind else {}) | more

    broker = {"remoteEndpoint": {"serviceName": "rabbitmq"}, "tags": {"rabbit.queue": "mails"}}
    return {
        "broker": [
            span("b0", "1", "shop", "PRODUCER", **broker),
            span("b0", "2", "mailer", "CONSUMER", 500, parentId="1", **broker),
        ],
        "addresses": [
            span("b1", "1", "gate", "CLIENT", localEndpoint={"serviceName": "gate", "port": 80}),
            span("b1", "2", "", at=5, localEndpoint={"ipv4": "10.0.0.1", "ipv6": "2001:db8::1", "port": 81}),
            span("b1", "3", "gate", at=9, remoteEndpoint={"serviceName": "Far", "ipv6": "::1", "port": 9}),
            span("b1", "4", "gate", "CLIENT", at=9, tags={"db.system": "mysql", "db.name": "shop", "": "nameless"}),
        ],
        "nothing told": [{"traceId": "b2" * 8, "id": "1"}, {"traceId": "b2" * 8, "id": "2", "parentId": "1"}],
        "mixed case": [span("b3", "1", "Front", "CLIENT", remoteEndpoint={"serviceName": "BackEnd"}, name="GET /A")],
        "status": [span("b4", "1", "api", "SERVER", tags={"http.status_code": "503"})],
    }


@pytest.fixture
def pair(hopline_up: Callable[..., Server], zipkin_server: str) -> tuple[str, str]:
    return hopline_up().url, zipkin_server


def told(base: str, path: str) -> Any:
    """The answer, lists in one order."""
    answer = httpx.get(base + path, timeout=60)
    found = answer.json() if answer.status_code == 200 else answer.text
    return answer.status_code, sorted(found, key=repr_of) if isinstance(found, list) else found


def repr_of(value: Any) -> str:
    import json

    return json.dumps(value, sort_keys=True)


def test_spans_come_back_as_from_a_zipkin(pair: tuple[str, str]) -> None:
    """N8, Q7: brokers, addresses, missing names and times, mixed case: both servers answer alike."""
    ours, theirs = pair
    base = time.time_ns() // 1_000 - AGO_US
    known = traces(base)
    for url in pair:
        for spans in known.values():
            assert httpx.post(f"{url}/api/v2/spans", json=spans, timeout=60).status_code == 202
    ids = {name: spans[0]["traceId"] for name, spans in known.items()}
    for one in ids.values():
        wait_until(lambda one=one: httpx.get(f"{ours}/api/v2/trace/{one}", timeout=60).status_code == 200)
    wait_handed_over(ours)
    asked = [f"/api/v2/trace/{one}" for one in ids.values()]
    window = f"endTs={base // 1_000 + 60_000}&lookback=120000"
    asked += [
        f"/api/v2/traces?serviceName=front&remoteServiceName=BACKEND&{window}",
        f"/api/v2/traces?serviceName=mailer&remoteServiceName=rabbitmq&{window}",
        f"/api/v2/traces?serviceName=front&spanName=get%20%2Fa&{window}",
    ]
    for path in asked:
        assert told(ours, path) == told(theirs, path), path
