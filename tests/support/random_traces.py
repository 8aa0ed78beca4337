"""Random traces as a tracer makes them, and the same with something odd about them."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from hopline.model import Row

BEGIN = 1_763_800_000_000_000
ARRIVED = BEGIN + 600_000_000


def plain_trace(source: Random, trace_id: str, *, paths: bool) -> list[Row]:
    """A whole trace: one root, both sides of some calls, messages, own ids; with paths or, as others trace, without."""
    rows: list[Row] = []
    _call(source, trace_id, rows, (None, "0", BEGIN + source.randrange(1_000_000), 0))
    if not paths:
        rows = [replace(row, span_id="", children=0) for row in rows]
    source.shuffle(rows)
    return rows


def _call(source: Random, trace_id: str, rows: list[Row], place: tuple[Row | None, str, int, int]) -> None:
    above, path, start, depth = place
    kinds = source.choice((("server",), ("local",), ("client",), ("client", "server"), ("producer", "consumer")))
    for kind in kinds:
        row = Row(
            trace_id,
            kind,
            source.choice(("A", "b", "größe")),
            source.choice(("GET /", "x", "")),
            start,
            span_id=path,
            id=f"{source.getrandbits(64) or 1:016x}",
            parent_id=above.id if above else None,
            duration_us=source.choice((0, source.randrange(50_000))),
            instance="h:1",
            env=source.choice(("", "prod", "test")),
            version=source.choice(("", "1", "2")),
            error=source.random() < 0.15,
            uid=source.choice(("", "", "u/1", "用户")),
            flags=source.choice((1, 1, 1, 3, 5)),
            weight=source.choice((1_000, 2_000)),
            arrived=ARRIVED + source.randrange(5_000_000),
            tags=source.choice(({}, {"http.status_code": "404"}, {"http.response.status_code": "200", "a": "b"})),
        )
        row.error_type, row.error_text = ("Timeout", "it 'failed'") if row.error else ("", "")
        _tell_ends(source, row)
        rows.append(row)
        above, start = row, start + source.randrange(1, 1_000)
        if source.random() < 0.05:
            start += source.choice((5_900_000, 6_100_000, 20_000_000, 66_100_000))
    assert above is not None
    if depth < 4 and kinds != ("client",):
        above.children = source.choice((0, 1, 2, 3)) if depth else source.choice((1, 2, 5))
        for number in range(1, above.children + 1):
            below = start + source.randrange(5)
            _call(source, trace_id, rows, (above, f"{path}.{number}", below + 1, depth + 1))


def _tell_ends(source: Random, row: Row) -> None:
    """What a row itself says of the other end of its call, if anything."""
    if row.kind == "server":
        row.caller_service = source.choice(("", "", "A", "b"))
        row.attrs = source.choice(({}, {}, {"zipkin.shared": "true"}))
    elif row.kind == "client":
        peers = (("", ""), ("h:80", ""), ("b", "service"), ("x", "external"), ("orders", "db"))
        row.peer, row.peer_kind = source.choice(peers)
    elif row.kind in {"producer", "consumer"}:
        row.peer, row.peer_kind = source.choice((("", ""), ("orders", "mq")))


Change = Callable[[Random, list[Row]], object]


def _with(**fields: Callable[[Random, list[Row]], object]) -> Change:
    def change(source: Random, rows: list[Row]) -> None:
        place = source.randrange(len(rows))
        rows[place] = replace(rows[place], **{name: value(source, rows) for name, value in fields.items()})

    return change


CHANGES: dict[str, Change] = {
    "lost": lambda source, rows: len(rows) < 2 or rows.pop(source.randrange(len(rows))),
    "copied": lambda source, rows: rows.append(replace(source.choice(rows), duration_us=source.choice((None, 9)))),
    "unfinished": _with(duration_us=lambda *_: None),
    "endless": _with(duration_us=lambda *_: 10**12),
    "without id": _with(id=lambda *_: ""),
    "shared id": _with(id=lambda source, rows: source.choice(rows).id),
    "other parent": _with(parent_id=lambda source, rows: source.choice(rows).id),
    "second root": _with(parent_id=lambda *_: None),
    "other path": _with(span_id=lambda source, rows: source.choice(rows).span_id),
    "odd path": _with(span_id=lambda source, _: source.choice(("", "~", "~.1", "x", "0.01", "0.0", "0.7", "0..1"))),
    "lost child": _with(children=lambda source, _: source.randrange(9)),
    "other kind": _with(kind=lambda source, _: source.choice(("client", "server", "local", "producer", "consumer"))),
    "skewed": _with(start_us=lambda source, rows: source.choice(rows).start_us - source.choice((0, 0, 1, 9_999))),
    "all fail": lambda _, rows: [setattr(row, "error", True) for row in rows],
}
"""What makes a trace odd, most of the time."""
