"""Every key of a filter with every operator, against a count that shares no code with the readers."""

import operator
import random
import re
from dataclasses import replace

import pytest

from hopline.model import Row
from hopline_query.errors import BadRequestError
from hopline_query.search.fields import FIELDS
from hopline_query.search.filter import OPERATORS, parse_filter
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import Scope, SearchQuery
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.judging import python_judge
from support.stored_rows import insert_rows
from support.stores import KINDS, store_of

START = 1_763_800_000_000_000
SCOPE = Scope(START, START + 3_600_000_000)
TEXTS = ("", "a", "b c", "5", "-2.5", "1e3", " 5", "1_0", "nan", "0x10", "٣", 'q"\\t', "tab\there", "ünï", "x" * 40)
TEXT_KEYS = tuple(key for key, field in FIELDS.items() if field.reads == "text" and key not in {"kind", "annotation"})
NOTES = (
    ("cache", "a", {"cache": "a"}),
    ("cache=b c", "", {"cache": "b c"}),
    ("message", 'size=q"\\t', {"size": 'q"\\t', "message": 'size=q"\\t'}),
    ("retry", '{"size":5,"cache":"a","up.to":[1.0,true],"why":"tab\\there","at":{"size":"a"}}',
     {"size": "5 a", "cache": "a", "up.to": "[1.0,true]", "why": "tab\there"}),
    ("retry", '{"cache":"5","size":1e3,"text":",\\"url\\":\\"a\\","}', {"cache": "5", "size": "1e3"}),
    ("exception", "a: b c\nünï\nlast",
     {"exception.type": "a", "exception.message": "b c", "exception.stacktrace": "ünï\nlast"}),
    ("exception", "a", {"exception.type": "a"}),
    ("a", "", {}),
    ("", "5", {"message": "5"}),
)  # fmt: skip
"""Key and value of annotations, and what they say under which key; of one key two values stand side by side."""
NOTED = ("cache", "size", "up.to", "why", "exception.type", "exception.message", "exception.stacktrace", "message")
MORE = ("[1.0,true]", "ünï\nlast", 'size=q"\\t')
KEYS = (*FIELDS, "color", "url", "tag.service", *NOTED)
ORDER = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


def one_row(source: random.Random, number: int) -> Row:
    """A trace of one row with any text in any place."""
    row = Row(
        trace_id=f"{START // 1_000_000:08x}{number + 1:024x}",
        kind=source.choice(("local", "client", "server", "producer", "consumer")),
        service="",
        name="",
        start_us=START + number * 1_000,
        span_id="",
        id=f"{number + 1:016x}",
        parent_id=None,
        duration_us=source.choice((None, 0, 5, 1_500, 2_000_000)),
        instance="",
        error=source.random() < 0.5,
        weight=1_000,
        flags=1,
        arrived=START + 10_000_000,
        attempt=source.choice((0, 0, 1, 5)),
        annotations=[(START, *note) for note in notes(source)],
        tags={key: source.choice(TEXTS) for key in ("color", "service", "size") if source.random() < 0.5},
        attrs={key: source.choice(TEXTS) for key in ("color", "url") if source.random() < 0.5},
    )
    return replace(row, **{key: source.choice(TEXTS) for key in TEXT_KEYS})


def notes(source: random.Random) -> list[tuple[str, str]]:
    """Annotations of a row, if any."""
    told = [note[:2] for note in source.sample(NOTES, source.choice((0, 0, 1, 2)))]
    return [(source.choice(TEXTS), source.choice(TEXTS)), *told] if source.random() < 0.4 else told


def said(row: Row, key: str) -> list[str]:
    """What the annotations of a row say under a key."""
    known = [(name, value) for _, name, value in row.annotations]
    found = [one[key] for name, value, one in NOTES if key in one and (name, value) in known]
    return [text for one in found for text in (one.split() if one == "5 a" else [one])]


def texts_of(row: Row, key: str) -> list[str]:
    """What a row holds under a key (docs/api.md, "Filter")."""
    if key == "annotation":
        return [text for _, name, value in row.annotations for text in (name, value)]
    if key == "error":
        return ["true" if row.error else "false"]
    if key == "duration":
        return [] if row.duration_us is None else [str(row.duration_us)]
    if key == "attempt":
        return [str(row.attempt)]
    if key in FIELDS:
        return [getattr(row, key)] if getattr(row, key) else []
    key = key.removeprefix("tag.")
    return [held[key] for held in (row.tags, row.attrs) if key in held][:1]


def met(row: Row, key: str, op: str, value: str) -> bool:
    """Whether a row meets one term, told as simply as can be."""
    texts = texts_of(row, key)
    if key in NOTED and op in {"=", "exists"}:
        texts = texts + said(row, key)
        if key == "message":
            texts += [text for _, name, text in row.annotations if text and name != "exception"]
    if op == "exists":
        noted = key not in FIELDS and key.removeprefix("tag.") in {t for _, k, v in row.annotations for t in (k, v)}
        return row.error if key == "error" else bool(texts) or noted
    if key == "error" and op in {"=", "!="}:
        value = "false" if value.lower() in {"false", "no", "0"} else "true"
    if op == "~":
        return any(re.search(value, text) for text in texts)
    if op in {"=", "!="}:
        return any((text == value) == (op == "=") for text in texts)
    if key == "error":
        texts = [str(int(row.error))]
    plain = [text for text in texts if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?(e[0-9]+)?", text)]
    return any(ORDER[op](float(text), float(value)) for text in plain)


def asked(key: str, op: str, source: random.Random) -> tuple[str, str]:
    """The text of a term, and the value as it is compared."""
    if op == "exists":
        return key, ""
    values = {"~": ("a", "^5$", "[b-t]+", "é|ü", "^$"), "=": TEXTS, "!=": TEXTS}.get(
        op, ("0", "5", "-2.5", "1e3", "1500")
    )
    if key == "error" and op in {"=", "!="}:
        values = ("true", "false", "no", "0", "yes")
    if key == "duration" and op != "~":
        values = ("0", "5", "1500", "2000000")
    value = source.choice((*values, *MORE) if key in NOTED and op == "=" else values)
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}{op}"{quoted}"', value


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """120 traces."""
    source = random.Random(3)
    return [one_row(source, number) for number in range(120)]


@pytest.fixture(scope="module", params=["twin", "embedded moving", *(f"{kind} settled" for kind in KINDS)])
def reader(rows, request):
    """The twin, and each kind of store before and after its traces were settled."""
    if request.param == "twin":
        yield MemoryReader(rows, judge=python_judge)
        return
    kind, state = request.param.split()
    with store_of(kind, request) as store:
        insert_rows(store, rows)
        if state == "settled":
            settle(store, START + 60_000_000)
        yield ClickHouseReader(store)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_takes_every_operator(reader, rows, key):
    """Q2: a filter finds exactly the traces whose rows meet it, and names exactly those rows."""
    source = random.Random(key)
    for op in ("exists", *"====") if key in NOTED else OPERATORS:
        text, value = asked(key, op, source)
        query = SearchQuery(SCOPE, expression=parse_filter(text), limit=1_000, as_of_us=START + 60_000_000)
        found, total = reader.search(query)
        expected = {row.trace_id: row.id for row in rows if met(row, key, op, value)}
        assert {summary.trace_id for summary in found} == set(expected), text
        assert total == len(expected)
        named = reader.matched(list(expected), query)
        assert {trace_id: ids for trace_id, (ids, _) in named.items()} == {i: [id_] for i, id_ in expected.items()}


@pytest.mark.parametrize("pattern", ["[", "(?=a)", "a{9999}", "(((((a{100}){100}){100}){100}){100})"])
def test_a_pattern_of_no_use_is_named(reader, pattern):
    """Q2, R4: what is no regular expression to the engine is refused with its place, whatever is stored."""
    empty = Scope(START + 7_200_000_000, START + 7_300_000_000)
    query = SearchQuery(empty, expression=parse_filter(f'color=a "url"~"{pattern}"'))
    if isinstance(reader, MemoryReader):
        reader = MemoryReader(reader.rows)
        query = replace(query, scope=SCOPE)
    with pytest.raises(BadRequestError) as caught:
        reader.search(query)
    assert caught.value.field == "filter"
    assert isinstance(reader, MemoryReader) or caught.value.column == 9
