"""The known trace, and what each way of asking must answer about it. Pure but for the questions that it asks."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hopline.ids import new_trace_id, trace_hex
from hopline_collector.known_trace import SERVICE, TAG, UID
from hopline_deploy.remote import Remote

_CALLS: Final = 2
_SLOT_US: Final = 10_000_000
"""Figures are kept by ten seconds."""

_MARGIN_US: Final = 60_000_000


class WrongError(Exception):
    """What came back is not what went in; the message says how."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One known trace: a server call of `took_us` with one local call inside it, marked as a load test.

    Lists, figures, map and alerts leave load tests out, so that nobody sees it who does not ask for it. The debug
    flag keeps it whatever share of traces the collector keeps.
    """

    trace_id: str
    start_us: int
    host: str
    took_us: int = 2_000

    def rows(self) -> list[dict[str, Any]]:
        """The two rows, as `POST /api/v1/spans` takes them."""
        flags = {"sampled": True, "debug": True, "load_test": True}
        root, inner = secrets.token_hex(8), secrets.token_hex(8)
        shared = {"trace_id": self.trace_id, "service": SERVICE, "instance": self.host, "flags": flags, "uid": UID}
        server: dict[str, Any] = {"id": root, "span_id": "0", "kind": "server", "name": "canary", "children": 1}
        server |= {"start_us": self.start_us, "duration_us": self.took_us, "tags": {TAG: self.host}}
        local: dict[str, Any] = {
            "id": inner,
            "parent_id": root,
            "span_id": "0.1",
            "kind": "local",
            "name": "inside the canary",
        }
        local |= {"start_us": self.start_us + self.took_us // 4, "duration_us": self.took_us // 2}
        return [shared | server, shared | local]


def new_probe(host: str, now_us: int) -> Probe:
    """A probe of a process on `host` that has just ended."""
    start_us = now_us - 10_000
    return Probe(trace_hex(new_trace_id(start_us // 1_000_000)), start_us, host)


def send(door: Remote, probe: Probe) -> None:
    """Put it in through the inputs. Raises RemoteError, WrongError."""
    answer = json.loads(door.send("api/v1/spans", json.dumps(probe.rows()).encode(), {}))
    if answer.get("accepted") != _CALLS:
        raise WrongError(f"the inputs took {answer.get('accepted')} of {_CALLS} rows: {answer.get('rejected')}"[:300])


def _by_id(remote: Remote, probe: Probe) -> None:
    found = remote.get(f"traces/{probe.trace_id}")
    _same("trace_id", found["trace_id"], probe.trace_id)
    _same("calls received", found["received"], _CALLS)
    _same("duration_us", found["duration_us"], probe.took_us)
    (root,) = found["roots"]
    _same("service", root["service"], SERVICE)
    _same("calls below the root", [child["name"] for child in root["children"]], ["inside the canary"])


def _listed(conditions: Callable[[Probe], Mapping[str, str]]) -> Callable[[Remote, Probe], None]:
    """A search whose list must hold the trace."""

    def check(remote: Remote, probe: Probe) -> None:
        around = probe.start_us - _MARGIN_US, probe.start_us + _MARGIN_US
        found = _search(remote, conditions(probe), *around)
        mine = [trace for trace in found if trace["trace_id"] == probe.trace_id]
        if len(mine) != 1:
            raise WrongError(f"the list holds it {len(mine)} times")
        _same("duration_us", mine[0]["duration_us"], probe.took_us)

    return check


def _in_figures(remote: Remote, probe: Probe) -> None:
    """As many calls as the list of the same ten seconds has traces, however many canaries there are."""
    begin = probe.start_us // _SLOT_US * _SLOT_US
    listed = len(_search(remote, {"service": SERVICE}, begin, begin + _SLOT_US))
    window = {"from": str(begin), "to": str(begin + _SLOT_US), "load_test": "only", "service": SERVICE}
    figures = [entry for entry in remote.get("stats", window)["services"] if entry["service"] == SERVICE]
    calls, errors = (sum(entry[name] for entry in figures) for name in ("calls", "errors"))
    if not listed or not calls:
        raise WrongError("no call is counted")
    _same("calls counted", calls, listed)
    _same("errors counted", errors, 0)


def _by_zipkin(remote: Remote, probe: Probe) -> None:
    spans = json.loads(remote.read(f"api/v2/trace/{probe.trace_id}"))
    _same("Zipkin's spans", sorted(span["name"] for span in spans), ["canary", "inside the canary"])
    _same("Zipkin's durations", max(span["duration"] for span in spans), probe.took_us)


WAYS: Final[Mapping[str, Callable[[Remote, Probe], None]]] = {
    "id": _by_id,
    "uid": _listed(lambda _: {"uid": UID}),
    "tag": _listed(lambda probe: {"filter": f'{TAG}="{probe.host}"'}),
    "service": _listed(lambda _: {"service": SERVICE}),
    "figures": _in_figures,
    "zipkin": _by_zipkin,
}
"""Way -> a question that raises RemoteError or WrongError unless its answer is right."""


def _search(remote: Remote, conditions: Mapping[str, str], from_us: int, to_us: int) -> list[dict[str, Any]]:
    window = {"from": str(from_us), "to": str(to_us), "load_test": "only", "limit": "1000"}
    found: list[dict[str, Any]] = remote.get("traces", {**conditions, **window})["traces"]
    return found


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise WrongError(f"{what}: {found!r} where {expected!r} went in"[:300])
