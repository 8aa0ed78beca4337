"""`@trace` on what is no plain function: classes, partials, callable objects, properties."""

import asyncio
import functools

import hopline


@hopline.trace
class Basket:
    """A class keeps its name, its methods their kinds."""

    def __init__(self):
        self._lines = []

    def add(self, line):
        self._lines.append(line)
        return self

    async def pay(self):
        return len(self._lines)

    def each(self):
        yield from self._lines

    @staticmethod
    def empty():
        return []

    @classmethod
    def make(cls):
        return cls()

    def _private(self):
        return "untouched"


class Priced:
    @hopline.trace
    @property
    def price(self):
        """What it costs."""
        return 7

    @hopline.trace
    @functools.cached_property
    def total(self):
        return 8


class Doubling:
    def __call__(self, number):
        return 2 * number


class AsyncDoubling:
    async def __call__(self, number):
        return 2 * number


def test_classes(recorder):
    """I1: each public method of a traced class is a span, named by the class; it stays the class it was."""
    basket = Basket.make()
    assert isinstance(basket, Basket)
    assert asyncio.run(basket.add("apple").pay()) == 1
    assert (list(basket.each()), basket.empty(), basket._private()) == (["apple"], [], "untouched")
    assert sorted(row.name for row in recorder.spans) == [
        "Basket.add",
        "Basket.each",
        "Basket.empty",
        "Basket.make",
        "Basket.pay",
    ]


def test_properties(recorder):
    """I1: a traced property is a property still, a cached one computed once."""
    one = Priced()
    assert (one.price, one.total, one.total) == (7, 8, 8)
    assert Priced.price.__doc__ == "What it costs."
    assert [row.name for row in recorder.spans] == ["Priced.price", "Priced.total"]


def test_partials_and_callable_objects(recorder):
    """I1: a partial is named by its function, a callable object by its class; a coroutine's span lasts as it does."""

    def add(a, b):
        return a + b

    async def later(a, b):
        await asyncio.sleep(0.01)
        return a + b

    assert hopline.trace(functools.partial(add, 1))(2) == 3
    assert asyncio.run(hopline.trace(functools.partial(later, 1))(2)) == 3
    assert hopline.trace(Doubling())(4) == 8
    assert asyncio.run(hopline.trace(AsyncDoubling())(4)) == 8
    rows = recorder.spans
    assert [row.name.rpartition(".")[2] for row in rows] == ["add", "later", "Doubling", "AsyncDoubling"]
    assert rows[1].duration_us >= 10_000
