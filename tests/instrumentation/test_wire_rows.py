"""Many rows at once are packed and checked by shortcuts: never with another result than one by one."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline import config as settings
from hopline import wire
from hopline.counts import Counts
from hopline.entry import Entry
from hopline.limits import Limits
from hopline.model import DEBUG, KINDS, LOAD_TEST, SAMPLED, WEIGHT_ONE
from hopline.report import Reporter
from hopline.rows import fields_of
from hopline.spans import Span
from hopline.tracer import Tracer
from hopline.transports.kafka import by_partition
from hopline.transports.memory import MemoryTransport


def tracer(**overrides: object) -> Tracer:
    config, _ = settings.load({"service": "orders", "endpoint": "memory:", **overrides}, {})
    return Tracer(config, Reporter(config, MemoryTransport(Counts()), Counts()))


TRACERS = [tracer(), tracer(clock=lambda: 0)]

texts = st.sampled_from(["", "gold", "x" * 128, "x" * 129, "x" * 3_000, "é" * 100])
keys = st.sampled_from(["tier", "url.path", "password", "hopline.rate", "k" * 128, "k" * 129, "n"])
entries = st.builds(
    lambda tracer, trace_id, remote, flags, weight, uid, caller: (
        tracer, trace_id, remote, flags, weight, uid, caller,
    ),
    st.sampled_from(TRACERS),
    st.integers(1, 2**128 - 1),
    st.sampled_from([0, 2**64 - 1]),
    st.sampled_from([SAMPLED, SAMPLED, SAMPLED | DEBUG, SAMPLED | LOAD_TEST]),
    st.sampled_from([WEIGHT_ONE, WEIGHT_ONE, 5_000]),
    st.sampled_from(["", "", "u1"]),
    st.sampled_from([("", "", "", ""), ("gateway", "h0:8001", "sh-1", "POST /checkout")]),
)  # fmt: skip
spans = st.tuples(
    st.integers(0, 40),  # its parent
    st.sampled_from([1, 2, 255, 256, 70_000]),
    st.sampled_from([*KINDS, "local", "local", "sideways"]),
    st.sampled_from(["child", "n" * 128, "n" * 600]),
    st.dictionaries(keys, texts, max_size=5),
    st.sampled_from([None, None, {}, {"url.path": "/a", "note": "x"}, {"token": "hush"}, {"url.full": "y" * 9_000}]),
    st.sampled_from([(0, 5_999), (1_500, 1_500), (10**15, 10**15 + 86_400 * 10**9), (5_000, 4_000), (7_000, 0)]),
    st.sampled_from(["", "", "fails", "notes", "peer"]),
)


def build(entry_of: tuple, parts: list[tuple]) -> list[Span]:
    """A tree of spans, each begun after its parent."""
    made, trace_id, remote, flags, weight, uid, caller = entry_of
    entry = Entry(made.process, trace_id, "op", "0", remote, flags, weight)
    entry.uid, entry.caller = uid, caller
    rows: list[Span] = []
    for above, number, kind, name, tags, attrs, (start, end), rare in parts:
        parent = rows[above % len(rows)] if rows else None
        row = Span(entry, parent, number if parent else 0, len(rows) + 1, name, kind, dict(tags))
        if parent is not None:
            parent.numbering()
        row.start_ns, row.end_ns = start, end if made.config.clock or not end else max(start, end)
        if attrs is not None:
            row.detail.attrs = dict(attrs)
        if rare == "fails":
            row.fail("Timeout", "late")
        if rare == "notes":
            row.detail.annotations.append((7, "cookie", "x" * 3_000))
        if rare == "peer":
            row.peer, row.peer_kind = "stock", "service"
        rows.append(row)
    return rows


trees = st.lists(st.tuples(entries, st.lists(spans, min_size=1, max_size=6)), min_size=1, max_size=4)


def built(trees: list[tuple]) -> list[Span]:
    return [row for entry, parts in trees for row in build(entry, parts)]


@given(trees, st.randoms())
def test_packing_many_is_packing_each(trees, random):
    """S2: rows packed together are the rows packed alone, in whatever order they come."""
    rows = built(trees)
    random.shuffle(rows)
    each = [wire.encode_row(wire.pack(row)) for row in rows]
    for row in rows:
        row.path = ""
    assert [wire.encode_row(packed) for packed in wire.pack_all(rows)] == each


@given(trees)
def test_packed_rows_say_what_the_json_says(trees):
    """S2: both ways of sending a row agree on ids, path, times and tags."""
    for row, packed in zip(built(trees), wire.pack_all(built(trees)), strict=True):
        told = fields_of(row)
        read = msgspec.msgpack.decode(wire.encode_row(packed))
        assert read[0].hex() == told["trace_id"]
        assert (read[1], f"{read[2]:016x}", read[6], read[7]) == (
            told["span_id"], told["id"], told["start_us"], told["duration_us"],
        )  # fmt: skip
        assert read[8] == told.get("tags", {})


@given(trees, st.sampled_from([16_384, 4_096, 300]))
def test_limits_of_many_are_the_limits_of_each(trees, row_bytes):
    """I8: what passes unchanged together is what would pass unchanged alone, once and again."""
    config, _ = settings.load({"service": "orders", "row_bytes": row_bytes}, {})
    counts, others = Counts(), Counts()
    limits, alone = Limits(config, counts), Limits(config, others)
    for _ in range(2):
        many, each = built(trees), built(trees)
        assert limits.apply_all(many) == many
        for row in each:
            alone.apply(row)
        assert [fields_of(row) for row in many] == [fields_of(row) for row in each]
    assert counts.snapshot() == others.snapshot()


@pytest.mark.parametrize("row_bytes", [300, 1_000, 16_384])
def test_many_short_tags_stay_under_the_byte_cap(row_bytes):
    """I8: the byte cap holds for rows of short tags as well, whatever it is set to."""
    config, _ = settings.load({"service": "orders", "row_bytes": row_bytes}, {})
    limits = Limits(config, Counts())
    for _ in range(2):  # the second row's keys are known
        tags = {f"tag {n:058d}": "x" * 128 for n in range(64)}
        (row,) = build(
            (TRACERS[0], 1, 0, SAMPLED, WEIGHT_ONE, "", ("",) * 4), [(0, 1, "local", "a", tags, None, (1, 2), "")]
        )
        limits.apply_all([row])
        assert len(row.name) + sum(len(k) + len(v) for k, v in row.tags.items() if k != "hopline.cut") <= row_bytes


def test_rows_of_a_trace_meet_in_one_partition():
    """S2: grouping by runs of an entry's rows is grouping by trace id."""
    rows = [
        row
        for n in (1, 2, 3, 1, 2)
        for row in build(
            (TRACERS[0], n << 90, 0, SAMPLED, WEIGHT_ONE, "", ("",) * 4),
            [(0, 1, "local", "a", {}, None, (1, 2), "")] * 3,
        )
    ]
    groups = by_partition(rows, 7)
    assert sorted(map(id, rows)) == sorted(id(row) for group in groups.values() for row in group)
    places = {row.entry.trace_id: partition for partition, group in groups.items() for row in group}
    assert all(places[row.entry.trace_id] == partition for partition, group in groups.items() for row in group)
    assert places.keys() == {1 << 90, 2 << 90, 3 << 90}
