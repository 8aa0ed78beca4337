"""Made-up traffic of a shop of thirty services, as its processes post it: a hundred rows a post."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from hopline.ids import new_trace_id, trace_hex
from hopline.model import KINDS, PROCESS_FIELDS, Row
from hopline_collector.formats import native
from hopline_collector.formats.decoded import WireRow
from hopline_query.exports import otlp, zipkin

ROWS: Final = 100
PER_TRACE: Final = 10
_SERVICES: Final = 30
_USERS: Final = 20_000
_SHAPE: Final = (
    *(("0", 0, "server", 0), ("0.1", 0, "client", 0), ("0.1", 1, "server", 1), ("0.2", 0, "client", 0)),
    *(("0.2", 2, "server", 3), ("0.2.1", 2, "client", 4), ("0.2.1", 3, "server", 5), ("0.2.2", 2, "client", 4)),
    *(("0.3", 0, "producer", 0), ("0.3", 4, "consumer", 8)),
)
"""Path, place of the service in the trace, kind, row that caused it: of each row of a trace."""


@dataclass(frozen=True, slots=True)
class Post:
    """One request of a sender."""

    path: str
    content_type: str
    body: bytes
    rows: int


def traces(source: random.Random, number: int, now_us: int) -> Iterator[Row]:
    """The rows of so many traces that have just ended; eight tags each, one in a hundred fails."""
    for _ in range(number):
        trace_id, failed = trace_hex(new_trace_id(now_us // 1_000_000)), source.random() < 0.01
        places = source.sample(range(_SERVICES), 5)
        ids = [f"{source.getrandbits(63) + 1:016x}" for _ in _SHAPE]
        uid = f"u-{source.randrange(_USERS)}"
        for row, (path, place, kind, above) in enumerate(_SHAPE):
            service, entry = places[place], kind in {"server", "consumer"}
            yield Row(
                trace_id=trace_id, kind=kind, service=f"service-{service}", span_id=path, id=ids[row],
                name=f"{'GET' if entry else 'call'} /operation-{source.randrange(13)}",
                start_us=now_us - 100_000 + row * 900, duration_us=int(source.lognormvariate(9, 1.2)),
                parent_id=ids[above] if row else None, instance=f"host-{service}:{source.randrange(4)}",
                host=f"host-{service}", zone=f"z{service % 3}", env="bench", version="1.4", uid=uid if entry else "",
                error=failed and row < 3, error_type="Timeout" if failed and row < 3 else "",
                caller_service=f"service-{places[_SHAPE[above][1]]}" if entry and row else "",
                peer="" if entry else f"service-{places[1 + row % 4]}", peer_kind="" if entry else "service",
                tags=_tags(source, failed), children=3 if not row else 0,
            )  # fmt: skip


def _tags(source: random.Random, failed: bool) -> dict[str, str]:
    return {
        "http.request.method": "GET",
        "http.response.status_code": "500" if failed else "200",
        "server.address": f"h{source.randrange(200)}",
        "server.port": "8080",
        "network.protocol.version": "1.1",
        "user_agent.original": "shop/1.0",
        "customer": str(source.randrange(20_000)),
        "url.scheme": "http",
    }


def posts(form: str, rows: list[Row]) -> list[Post]:
    """Rows as their processes post them in a format of `FORMATS`, a hundred at most in one."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.service, []).append(row)
    path, content_type, encode = FORMATS[form]
    pieces = (group[at : at + ROWS] for group in groups.values() for at in range(0, len(group), ROWS))
    return [Post(path, content_type, encode(piece), len(piece)) for piece in pieces]


def _native(rows: list[Row]) -> bytes:
    process = {name: getattr(rows[0], name) for name in PROCESS_FIELDS}
    return native.message(process, [_wire(row) for row in rows])


def _wire(row: Row) -> WireRow:
    return WireRow(
        bytes.fromhex(row.trace_id), row.span_id, int(row.id, 16), int(row.parent_id or "0", 16), KINDS.index(row.kind),
        row.name, row.start_us, row.duration_us, row.tags, row.children, row.flags | (8 if row.error else 0), row.uid,
        [row.caller_service, "", "", ""] if row.caller_service else None, row.peer, row.peer_kind, row.weight,
        row.error_type,
    )  # fmt: skip


FORMATS: Final[Mapping[str, tuple[str, str, Callable[[list[Row]], bytes]]]] = {
    "native": ("api/v1/spans", "application/msgpack", _native),
    "zipkin": ("api/v2/spans", "application/json", lambda rows: msgspec.json.encode(zipkin.spans(rows))),
    "otlp": ("v1/traces", "application/json", lambda rows: msgspec.json.encode(otlp.request(rows))),
}
"""Source -> path, media type, encoder."""
