import asyncio
import functools
import inspect

import pytest

import hopline
from hopline import trace


@trace
def plain(a: int, b: int = 2) -> int:
    """Adds."""
    with hopline.span("inside"):
        return a + b


@trace(name="named", tags={"tier": 1}, capture=["order", "missing"])
def captured(order: str, other: int = 0) -> str:
    return order


@trace
async def coroutine() -> str:
    with hopline.span("inside"):
        await asyncio.sleep(0)
    return "done"


@trace
def numbers(limit: int):
    for n in range(limit):
        with hopline.span(f"step {n}"):
            pass
        sent = yield n
        if sent:
            hopline.tag("sent", sent)
    return "finished"


@trace
async def async_numbers(limit: int):
    for n in range(limit):
        with hopline.span(f"step {n}"):
            await asyncio.sleep(0)
        yield n


class Shop:
    @trace
    def buy(self) -> str:
        return "bought"

    @trace
    @classmethod
    def make(cls) -> "Shop":
        return cls()

    @staticmethod
    @trace
    def helper() -> int:
        return 1


def test_function(recorder):
    """I1: bare @trace names the span by the qualified name; metadata is kept."""
    assert plain(1) == 3
    assert [(row.span_id, row.name) for row in recorder.spans] == [("0", "plain"), ("0.1", "inside")]
    assert (plain.__name__, plain.__doc__, plain.__annotations__["a"]) == ("plain", "Adds.", int)
    assert str(inspect.signature(plain)) == "(a: int, b: int = 2) -> int"


def test_arguments(recorder):
    """I1: name, tags and captured parameters, given by position or by name."""
    captured("o1")
    captured(order="o2")
    assert [(row.name, row.tags) for row in recorder.spans] == [
        ("named", {"tier": "1", "order": "o1"}),
        ("named", {"tier": "1", "order": "o2"}),
    ]
    with pytest.raises(TypeError):
        captured()


def test_coroutine(recorder):
    """I1: a coroutine function stays one, and its span covers its awaits."""
    assert inspect.iscoroutinefunction(coroutine)
    assert asyncio.run(coroutine()) == "done"
    assert [row.span_id for row in recorder.spans] == ["0", "0.1"]


def test_methods(recorder):
    """I1: methods, class methods and static methods."""
    assert Shop.make().buy() == "bought"
    assert Shop.helper() == 1
    assert [row.name for row in recorder.spans] == ["Shop.make", "Shop.buy", "Shop.helper"]


def test_generator_is_current_only_while_it_runs(recorder):
    """I1: a generator's work nests under its span; its caller's work does not."""
    with hopline.span("caller"):
        generator = numbers(2)
        assert next(generator) == 0
        with hopline.span("between"):
            pass
        assert generator.send("x") == 1
        with pytest.raises(StopIteration) as stop:
            next(generator)
    assert stop.value.value == "finished"
    assert inspect.isgeneratorfunction(numbers)
    assert {row.name: row.span_id for row in recorder.spans} == {
        "caller": "0",
        "numbers": "0.1",
        "step 0": "0.1.1",
        "between": "0.2",
        "step 1": "0.1.2",
    }
    assert recorder.one(name="numbers").tags == {"sent": "x"}


def test_generator_abandoned_half_way(recorder):
    """I1: GeneratorExit ends the span quietly."""
    generator = numbers(5)
    next(generator)
    generator.close()
    assert recorder.one(name="numbers").error is False
    assert hopline.current_span().id == ""


def test_generator_error_thrown_in(recorder):
    """I1: an exception thrown into a generator goes through it unchanged."""
    generator = numbers(5)
    next(generator)
    error = KeyError("k")
    with pytest.raises(KeyError) as caught:
        generator.throw(error)
    assert caught.value is error
    assert recorder.one(name="numbers").error_type == "KeyError"


def test_async_generator(recorder):
    """I1: an async generator, run through and abandoned."""

    async def main():
        assert [n async for n in async_numbers(2)] == [0, 1]
        generator = async_numbers(5)
        assert await anext(generator) == 0
        with hopline.span("between"):
            pass
        await generator.aclose()

    asyncio.run(main())
    assert inspect.isasyncgenfunction(async_numbers)
    ended = [row for row in recorder.spans if row.name == "async_numbers"]
    assert len(ended) == 2
    assert not any(row.error for row in ended)
    assert recorder.one(name="between").span_id == "0"


def test_durations_match_a_fake_clock():
    """I1: durations match a fake clock."""
    now = [1_000_000_000_000_000]
    with hopline.testing.Recorder(clock=lambda: now[0]) as recorder:

        @trace
        def work() -> None:
            now[0] += 2_500_000

        work()
        assert recorder.one(name="test_durations_match_a_fake_clock.<locals>.work").duration_us == 2_500


def test_partial_objects_are_callables_too(recorder):
    """I1: a callable without a qualified name can be traced with a name."""
    doubled = trace(name="doubled")(functools.partial(plain, 1))
    assert doubled() == 3
    assert recorder.one(name="doubled").span_id == "0"
