"""Find within a trace: what its words mean, beside a plain reading of every text (U5)."""

from hypothesis import given
from hypothesis import strategies as st

from hopline.model import Row
from hopline_query.tree import finding
from hopline_query.tree.build import build_tree

WORDS = st.lists(st.sampled_from(["a", "-a", "b=1", "-b=1", '"a b"', '-"a b"', "B", "=", "-", '""']), max_size=4)
TEXTS = st.lists(st.lists(st.sampled_from(["a", "a b", "b=1", "b=12", "c"]), max_size=3), max_size=6)


@given(WORDS, TEXTS)
def test_words_are_joined_by_or_and_a_minus_takes_out(words: list[str], lines: list[list[str]]):
    """A call is found that meets one word without a minus, where there is one, and none with it; in pre-order, once."""
    texts = ["\n".join(["", *each, ""]) for each in lines]
    asked = finding.words(" ".join(words))

    def met(text: str) -> bool:
        wanted = [word for word in asked if not word.without]
        some = not wanted or any(word.value in text for word in wanted)
        return bool(asked) and some and not any(word.value in text for word in asked if word.without)

    assert finding.find(texts, " ".join(words)) == [at for at, text in enumerate(texts) if met(text)]


def _row(number: int, **values: object) -> Row:
    named = {"kind": "local", "service": "shop", "name": "step", "start_us": 1, "duration_us": 1, "instance": "host-1"}
    place = {"span_id": f"0.{number}" if number else "0", "id": f"{number + 1:016x}"}
    return Row(trace_id="a" * 32, **{**named, **place, **values})


def test_every_field_of_every_row_is_looked_through():
    """Rows of one place share its lines; what differs between them stays each row's own."""
    rows = [
        _row(0, tags={"Shop.Key": "Straße"}, attrs={"url.path": "/a"}, annotations=[(1, "note", "later")]),
        _row(1, parent_id=f"{1:016x}", error=True, error_type="Late", error_text="too Late", peer="db", version="2"),
        _row(2, parent_id=f"{1:016x}", service="other", uid="u-1", zone="east"),
    ]
    texts = finding.texts(build_tree(rows, now_us=0))
    expected = {
        "shop.key=STRASSE": [0],
        "url.path=/a": [0],
        "note=later": [0],
        "error": [1],
        "error_type=late": [1],
        '"too late"': [1],
        "peer=db version=2": [1],
        "service=shop": [0, 1],
        "service=other": [2],
        "uid=u-1": [2],
        "zone=east": [2],
        "instance=host-1": [0, 1, 2],
        "span=0.2": [2],
        "service=sho": [],
    }
    assert {word: finding.find(texts, word) for word in expected} == expected
