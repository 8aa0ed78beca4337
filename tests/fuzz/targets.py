"""What is fuzzed: for each decoder, what must hold for any bytes at all.

A target is a function of bytes. It returns when all is well; whatever it raises is a finding.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader, BytesIO

import msgspec

from fuzz import seeds
from hopline.propagation import inbound
from hopline_collector.block import dead_letters, kept_times, limits
from hopline_collector.block.core import DECODERS, INGEST_COLUMNS, Block, Message, build_block
from hopline_collector.door import bodies, encodings, foreign
from hopline_collector.formats import Decoded, DecodeError
from hopline_collector.handover import plan as plans
from hopline_collector.handover.plan import Mark, Plan, PlanError
from hopline_deploy.import_files import FileError, spans_in
from hopline_deploy.import_posts import posts_of
from hopline_query import units
from hopline_query.errors import BadRequestError
from hopline_query.search import filter as search
from hopline_query.search import ids
from support.wire_rows import NOW

ID_MAX = 2**64
INFLATED_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder under fuzz. `form` is set where the bytes are a message, `mutate` where its shape is worth keeping."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    form: str = ""
    mutate: str = ""
    """`json` or `msgpack`: half of the mutations change a value of the decoded body, not its bytes."""


def block_of(form: str, body: bytes) -> Block:
    """The block of one message."""
    return build_block([Message(0, form, body)], Plan(0, 1, NOW))


def message(form: str) -> Callable[[bytes], None]:
    """R2, C3, C5, C8: one kind of error, rows within the limits, counts that add up, letters that can be replayed."""

    def run(body: bytes) -> None:
        block = block_of(form, body)
        with suppress(DecodeError):
            assert_kept_whole(form, body, DECODERS[form](body), block.counts.received)
        assert_accounted(block)
        assert_within_limits(block)
        for letter in block.dead:
            again = block_of(letter.format, letter.raw)
            assert_accounted(again)
            if letter.index >= 0:
                assert again.counts.received == 1, (letter.reason, again.counts)

    return run


def assert_kept_whole(form: str, body: bytes, decoded: Decoded, received: int) -> None:
    """C4, C5: what a receiver makes durable holds as many rows as the body, marked to keep its times or not."""
    stored = [("native", body)] if form == "native" else foreign.entries(decoded, form)
    if form != "native":
        assert sum(block_of(*entry).counts.received for entry in stored) == received
    with suppress(bodies.RefusedError):
        marked = [new for entry in stored for new in kept_times.marked(*entry)]
        assert sum(block_of(*entry).counts.received for entry in marked) == received


def assert_accounted(block: Block) -> None:
    """The identity of C8 over one block."""
    counts = block.counts
    gone = counts.dead + counts.duplicate + counts.sampled_out + counts.rejected.total()
    assert counts.received == counts.stored + gone, counts
    assert {len(block.columns[name]) for name in INGEST_COLUMNS} == {block.rows}


def assert_within_limits(block: Block) -> None:
    """What the store relies on (C5)."""
    columns = block.columns
    for limit in limits.TEXT_LIMITS:
        for text in set(columns[limit.column]):
            assert limits.is_clean(text), (limit, text)
            assert len(text.encode()) <= limit.max_bytes, (limit, text)
            assert text or not limit.required, limit
    oldest, newest = NOW - limits.OLDEST_US, NOW + limits.NEWEST_US
    assert all(oldest <= start <= newest for start in columns["start_us"])
    assert all(0 <= duration <= limits.DURATION_MAX_US for duration in columns["duration_us"])
    assert all(0 <= number < ID_MAX for name in ("id", "parent_id") for number in columns[name])
    for tags in columns["tags"]:
        assert len(tags) <= limits.TAGS_MAX + 2
        assert all(limits.is_clean(text) for item in tags.items() for text in item)


def headers(body: bytes) -> None:
    """P3: no header raises, and what is taken over is within its bounds."""
    pairs = []
    for line in body.split(b"\n")[:64]:
        name, _, value = line.partition(b": ")
        pairs.append((name, value))
    counted: list[str] = []
    remote, _ = inbound.extract(pairs, 1_024, counted.append)
    if remote is not None:
        assert 0 < remote.trace_id < 2**128
        assert 0 < remote.parent_id < ID_MAX
        assert len(remote.others) <= 32


def plan(body: bytes) -> None:
    """C1: any text is a plan that says the same when it is written again, or refused."""
    text = body.decode("utf-8", "surrogateescape")
    try:
        found = plans.decode(7, text)
    except PlanError:
        return
    if found is None:
        assert not text
        return
    with suppress(PlanError):
        again = plans.encode_mark(found) if isinstance(found, Mark) else plans.encode(found)
        assert plans.decode(7, again) == found


def letter_name(body: bytes) -> None:
    """C3: any text is the name of a letter within the bounds of its columns, or of none."""
    with suppress(dead_letters.UnknownLetterError):
        place, _ = dead_letters._parsed(body.decode("utf-8", "replace"))
        assert place["partition"] < 2**32
        assert place["offset"] < ID_MAX
        assert -1 <= place["index"] < 2**31


def inflate(body: bytes) -> None:
    """R3: a body is inflated within its bound, or refused."""
    with suppress(bodies.RefusedError):
        assert len(encodings.inflate(body, INFLATED_BYTES)) <= INFLATED_BYTES


def filters(body: bytes) -> None:
    """Q2: any text is a filter, or a request that says what is wrong with it."""
    with suppress(BadRequestError):
        expression = search.parse_filter(body.decode("utf-8", "replace"))
        assert sum(1 for _ in search.terms(expression)) <= search.MOST_TERMS
        if expression is not None:
            search.anchored(expression)


def import_file(body: bytes) -> None:
    """O2: any file is read as spans, each of which is posted once, or refused with its place."""
    with suppress(FileError):
        spans = list(spans_in(BufferedReader(BytesIO(body)), "file", lambda _: None))
        posts = list(posts_of(spans))
        assert sum(len(post.spans) for post in posts) == len(spans)
        for post in posts:
            assert len({span.start_us // limits.DAY_US for span in post.spans}) <= limits.KEPT_DAYS
            msgspec.json.decode(post.body(), type=msgspec.Raw)


def pasted(body: bytes) -> None:
    """U2: anything that can be pasted leads somewhere; durations and times are read or refused."""
    text = body.decode("utf-8", "replace")
    assert ids.find(text).kind in {"trace", "user", "filter", "nothing"}
    for candidate in ids.candidates(text):
        assert len(bytes.fromhex(candidate)) == 16
    with suppress(BadRequestError):
        assert 0 <= units.parse_duration(text) <= units.LATEST_US
    with suppress(BadRequestError):
        assert 0 <= units.parse_time(text, NOW) <= units.LATEST_US


TARGETS = {
    "native_msgpack": Target(message("native"), seeds.native_msgpack, "native", "msgpack"),
    "native_json": Target(message("native"), seeds.native_json, "native", "json"),
    "zipkin_json": Target(message("zipkin"), seeds.zipkin_json, "zipkin", "json"),
    "zipkin_v1": Target(message("zipkin"), seeds.zipkin_v1, "zipkin", "json"),
    "zipkin_protobuf": Target(message("zipkin"), seeds.zipkin_protobuf, "zipkin"),
    "otlp_json": Target(message("otlp"), seeds.otlp_json, "otlp", "json"),
    "otlp_protobuf": Target(message("otlp"), seeds.otlp_protobuf, "otlp"),
    "headers": Target(headers, seeds.headers),
    "plan": Target(plan, seeds.plan, mutate="json"),
    "letter_name": Target(letter_name, seeds.letter_name),
    "import_file": Target(import_file, seeds.import_file, mutate="json"),
    "inflate": Target(inflate, seeds.inflate),
    "filters": Target(filters, seeds.filters),
    "pasted": Target(pasted, seeds.pasted),
}
