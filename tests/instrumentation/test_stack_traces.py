"""Where the exception of a failing row came from."""

import pytest

import hopline
from hopline.stack_trace import MAX_FRAMES, STACK_ATTR
from hopline.testing import Recorder


def deep(level: int) -> None:
    if level:
        deep(level - 1)
    secret = {"card": "4711"}
    try:
        secret["nothing"]
    except KeyError as error:
        raise ValueError("s3cret") from error


def test_the_innermost_row_tells_where_it_came_from(recorder):
    """I1: files, lines and functions of the exception and its cause stand in the first row that failed, there alone."""
    with pytest.raises(ValueError, match="s3cret"), hopline.span("outer"), hopline.span("inner"):
        deep(1)
    stack = recorder.one(name="inner").attrs[STACK_ATTR]
    assert [line for line in stack.splitlines() if line and not line.startswith("  ")] == ["KeyError", "ValueError"]
    assert stack.splitlines()[-2].endswith("in deep")
    assert __file__ in stack
    outer = recorder.one(name="outer")
    assert outer.error_type == "ValueError"
    assert STACK_ATTR not in outer.attrs


def test_no_values_no_source_no_frames_of_ours(recorder):
    """I8: neither the exception's text nor a value of the program is in it, nor are our own wrappers."""

    @hopline.trace(name="work")
    def work() -> None:
        deep(0)

    with pytest.raises(ValueError, match="s3cret"):
        work()
    stack = recorder.one(name="work").attrs[STACK_ATTR]
    assert "s3cret" not in stack
    assert "4711" not in stack
    assert "hopline/decorators" not in stack


def test_deep_recursion_stays_small(recorder):
    """I8: of many frames the innermost stay, the others are counted."""
    with pytest.raises(ValueError, match="s3cret"), hopline.span("work"):
        deep(500)
    stack = recorder.one(name="work").attrs[STACK_ATTR]
    assert "  ... 472 frames before" in stack
    assert stack.count("in deep") == MAX_FRAMES + 1


def test_off_by_setting():
    """I8: HOPLINE_STACK_TRACES=false keeps type and text alone."""
    with Recorder(stack_traces=False) as recorder:
        with pytest.raises(ValueError, match="s3cret"), hopline.span("work"):
            deep(1)
        row = recorder.one(name="work")
    assert (row.error_type, row.error_text, row.attrs) == ("ValueError", "s3cret", {})
