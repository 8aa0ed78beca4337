"""The filter grammar and its meaning."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import BadRequestError
from hopline_query.search.filter import And, Not, Or, Term, anchored, parse_filter, terms
from hopline_query.search.matching import judged, meets
from support.judging import python_judge


def brief(part):
    match part:
        case Term():
            return f"{part.field and '.'}{part.key}{part.op}{part.value}"
        case Not(inner):
            return ("not", brief(inner))
        case And(parts):
            return ("and", *map(brief, parts))
        case Or(parts):
            return ("or", *map(brief, parts))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("  ", None),
        ("a=b", "a=b"),
        ('a=b c="d e"', ("and", "a=b", "c=d e")),
        ("a=b and error", ("and", "a=b", ".errorexists")),
        ("a=1 AND b!=2 OR NOT c", ("or", ("and", "a=1", "b!=2"), ("not", "cexists"))),
        ("a=1 (b=2 or c=3)", ("and", "a=1", ("or", "b=2", "c=3"))),
        ("!a", ("not", "aexists")),
        ("http.response.status_code>=500", "http.response.status_code>=500"),
        ("duration>1.5s", ".duration>1500000"),
        ("tag.service=x", "service=x"),
        ("service=x", ".service=x"),
        (r'a="say \"hi\" \\"', r'a=say "hi" \ '.strip()),
        ("a~^x.*y$", "a~^x.*y$"),
        ("a = b", "a=b"),
        ("url=http://x/y?z", "url=http://x/y?z"),
    ],
)
def test_grammar(text, expected):
    """Q2: = != ~ > >= < <=, exists, AND, OR, NOT, quotes, Jaeger's logfmt and Zipkin's annotation query."""
    parsed = parse_filter(text)
    assert (brief(parsed) if parsed else None) == expected


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a>=", 4),
        ("a=b )", 5),
        ("(a=b", 5),
        ("= b", 1),
        ('a="b', 3),
        ("a OR", 5),
        ("n>big", 1),
        ("a>1_0", 1),
        ("a>nan", 1),
        ("duration>fast", 1),
        ("((((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))))", 33),
        ("x" * 5_000, 4_097),
        (" ".join("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"), 1),
    ],
)
def test_errors_name_the_column(text, column):
    """Q2: a filter that cannot be understood says where."""
    with pytest.raises(BadRequestError) as caught:
        parse_filter(text)
    assert (caught.value.field, caught.value.column) == ("filter", column)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a=b=c", 4),
        ("url=http://x/?a=b", 16),
        ("a=f(x)", 4),
        ('a={"b":1}', 4),
        ("a~^(x|y)$", 4),
        ("a=!b", 3),
        ("a=<b>", 3),
    ],
)
def test_a_value_with_signs_is_to_be_quoted(text, column):
    """N12: a value is never read as a part of itself: the message says what to do, and the quoted value is taken."""
    with pytest.raises(BadRequestError) as caught:
        parse_filter(text)
    assert caught.value.column == column
    assert "quote a value" in caught.value.message
    key, sign, value = re.split("([=~])", text, maxsplit=1)
    quoted = value.replace('"', '\\"')
    assert brief(parse_filter(f'{key}{sign}"{quoted}"')) == text


@given(st.text(max_size=60) | st.text(alphabet='ab=!~<>()" ANDORT\\.', max_size=60))
def test_no_text_crashes(text):
    """R2: any text is a filter or a bad request."""
    with contextlib.suppress(BadRequestError):
        parsed = parse_filter(text)
        assert parsed is None or list(terms(parsed))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("color=red", True),
        ("color=red size=9", True),
        ("color=blue", False),
        ("NOT color=blue", True),
        ("NOT color", False),
        ("color!=blue", True),
        ("missing!=x", False),
        ("size>8 AND size<10", True),
        ("size>9", False),
        ("color>1", False),
        ("color~^r", True),
        ("error", True),
        ("error=false", True),
        ("error!=true", True),
        ("error!=false", True),
        ("NOT error!=true", False),
        ("error>0", True),
        ("error~^t", True),
        ("service=b error", True),
        ("kind=server", True),
        ("duration>=10ms", True),
        ("url=/long", True),
        ("annotation=miss", True),
        ("cache", True),
        ("uid", False),
        ("(color=blue OR size=9) AND NOT uid=x", True),
    ],
)
def test_meaning(row, text, answer):
    """Q2: each term may be met by another row of the trace; NOT means no row at all."""
    rows = [
        row("0", "a", None, "server", tags={"color": "red"}, attrs={"url": "/long"}),
        row("0.1", "b", "a", "client", service="b", tags={"size": "9"}, error=True, annotations=[(1, "cache", "miss")]),
    ]
    expression = parse_filter(text)
    assert meets(rows, expression, judged(rows, expression, python_judge)) is answer


@pytest.mark.parametrize(
    ("text", "answer"), [("a", True), ("NOT a", False), ("a NOT b", True), ("a OR NOT b", False), ("NOT NOT a", True)]
)
def test_anchors(text, answer):
    """W1: a filter with an anchor can start from the rows that meet it."""
    assert anchored(parse_filter(text)) is answer
