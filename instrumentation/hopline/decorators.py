"""``@trace``: a span around each call of a function, of any of the four kinds, or of each method of a class.

A generator's span lasts from its first step to its end, and is the current span
only while the generator runs, never while its caller does.
"""

import functools
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from typing import Any, Final, ParamSpec, TypeVar, overload

from hopline.children import slow_path_child
from hopline.context import get_current, set_current
from hopline.ids import random_bits
from hopline.noop import NOOP
from hopline.spans import Span, still_open
from hopline.tracer import LOCAL, LOOK_AROUND
from hopline.tracer import span as new_span

_new = object.__new__

# Flags of a code object; importing `inspect`, which names them, costs more than all of `import hopline` may.
_GENERATOR: Final = 0x20
_COROUTINE: Final = 0x80
_ASYNC_GENERATOR: Final = 0x200

P = ParamSpec("P")
R = TypeVar("R")


@overload
def trace(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def trace(
    *, name: str = "", tags: dict[str, Any] | None = None, capture: Sequence[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def trace(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str = "",
    tags: dict[str, Any] | None = None,
    capture: Sequence[str] = (),
) -> Any:
    """Trace each call of ``function``: sync, async, generator or async generator, method or not.

    Args:
        function: given when used bare, ``@trace``. Of a class each public method that it defines is traced,
            of a property its functions; a partial or any other callable object is called as it is.
        name: of the span; default the function's qualified name.
        tags: set on each span.
        capture: names of parameters whose values become tags.

    """
    if function is None:
        return functools.partial(_wrap, name=name, tags=tags, capture=tuple(capture))
    return _wrap(function, name=name, tags=tags, capture=tuple(capture))


def _wrap(function: Any, *, name: str, tags: dict[str, Any] | None, capture: tuple[str, ...]) -> Any:
    again = functools.partial(_wrap, name=name, tags=tags, capture=capture)
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(again(function.__func__))
    if isinstance(function, functools.cached_property):
        return type(function)(again(function.func))
    if isinstance(function, property):
        getter, setter, deleter = (part and again(part) for part in (function.fget, function.fset, function.fdel))
        return type(function)(getter, setter, deleter, function.__doc__)
    if isinstance(function, type):
        _wrap_methods(function, name, tags, capture)
        return function
    inner = _function_of(function)
    label = name or (inner.__qualname__ if inner is not None else type(function).__qualname__)
    start = _plain_start(label, tags) if not capture else _capturing_start(function, label, tags, capture)
    flags = getattr(getattr(inner or type(function).__call__, "__code__", None), "co_flags", 0)
    if flags & _ASYNC_GENERATOR:
        wrapper = _async_generator(function, start)
    elif flags & _COROUTINE:
        wrapper = _coroutine(function, start)
    elif flags & _GENERATOR:
        wrapper = _generator(function, start)
    elif capture or tags:
        wrapper = _function(function, start)
    else:
        wrapper = _plain_function(function, label)
    return functools.update_wrapper(wrapper, function)


def _function_of(target: Any) -> Any:
    """The function that is called in the end, below partials; ``None`` for a callable object, whose type names it."""
    while isinstance(target, functools.partial):
        target = target.func
    return target if hasattr(target, "__qualname__") else None


def _wrap_methods(owner: Any, name: str, tags: dict[str, Any] | None, capture: tuple[str, ...]) -> None:
    """Trace the public methods that ``owner`` itself defines; a given name is put before theirs."""
    for attribute, value in list(vars(owner).items()):
        method = isinstance(value, (types.FunctionType, staticmethod, classmethod))
        if method and not attribute.startswith("_"):
            label = f"{name}.{attribute}" if name else ""
            setattr(owner, attribute, _wrap(value, name=label, tags=tags, capture=capture))


def _plain_start(label: str, tags: dict[str, Any] | None) -> Callable[[tuple[Any, ...], dict[str, Any]], Span]:
    return lambda _args, _kwargs: new_span(label, tags=tags)


def _capturing_start(
    function: Any, label: str, tags: dict[str, Any] | None, capture: tuple[str, ...]
) -> Callable[[tuple[Any, ...], dict[str, Any]], Span]:
    import inspect

    signature = inspect.signature(function)

    def start(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span:
        span = new_span(label, tags=tags)
        if span.recording:
            try:
                values = signature.bind_partial(*args, **kwargs)
            except TypeError:
                return span  # the call itself will raise, and better
            values.apply_defaults()
            for parameter in capture:
                if parameter in values.arguments:
                    span.tag(parameter, values.arguments[parameter])
        return span

    return start


def _function(function: Any, start: Any) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with start(args, kwargs):
            return function(*args, **kwargs)

    return wrapper


def _plain_function(function: Any, label: str) -> Any:
    """The commonest case, nothing to set: Span's constructor, entry and exit written out.

    Their three calls and the ``with`` would cost a third of the span.
    """

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        parent = get_current()
        if type(parent) is not Span:
            if parent is not None:
                return function(*args, **kwargs)  # unsampled
            with new_span(label):
                return function(*args, **kwargs)
        numbers = parent.numbers
        number = next(numbers, 0) if numbers is not None else 0
        if not number & LOOK_AROUND:
            with slow_path_child(parent, number, label, LOCAL, {}):
                return function(*args, **kwargs)
        entry = parent.entry
        span = _new(Span)
        span.entry = entry
        span.parent = parent
        span.ordinal = number
        span.id_int = random_bits(64)
        span.name = label
        span.kind = LOCAL
        span.tags = {}
        span.uid = entry.uid
        span.end_ns = 0
        span.path = ""
        span.numbers = None
        span.rare = None
        set_current(span)
        span.start_ns = entry.clock()
        entry.append(span)
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            span.record_exception(error)
            raise
        finally:
            end = entry.clock()
            if get_current() is span:
                set_current(parent if not parent.end_ns else still_open(parent, span))
            span.end_ns = end

    return wrapper


def _coroutine(function: Any, start: Any) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with start(args, kwargs):
            return await function(*args, **kwargs)

    return wrapper


def _generator(function: Any, start: Any) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        span: Span = start(args, kwargs)
        generator = function(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(next, generator)
        inside = _Inside(span)
        span.begin()
        try:
            while True:
                try:
                    value = inside.run(resume)
                except StopIteration as stop:
                    span.finish()
                    return stop.value
                try:
                    sent = yield value
                except GeneratorExit:
                    inside.run(generator.close)
                    raise
                except BaseException as error:
                    resume = functools.partial(generator.throw, error)
                else:
                    resume = functools.partial(generator.send, sent)
        except BaseException as error:
            span.finish(error)
            raise

    return wrapper


class _Inside:
    """What is current inside a generator: its own span, or one that it has open while it yields.

    Each step runs with that and leaves the caller's as it was.
    """

    __slots__ = ("_current", "_traced")

    def __init__(self, span: Span) -> None:
        self._current: Span | None = span
        self._traced = span is not NOOP

    def run(self, step: Callable[[], Any]) -> Any:
        if not self._traced:
            return step()
        before = get_current()
        set_current(self._current)
        try:
            return step()
        finally:
            self._current = get_current()
            set_current(before)

    async def run_async(self, step: Callable[[], Awaitable[Any]]) -> Any:
        if not self._traced:
            return await step()
        before = get_current()
        set_current(self._current)
        try:
            return await step()
        finally:
            self._current = get_current()
            set_current(before)


def _async_generator(function: Any, start: Any) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        span: Span = start(args, kwargs)
        generator = function(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(anext, generator)
        inside = _Inside(span)
        span.begin()
        try:
            while True:
                try:
                    value = await inside.run_async(resume)
                except StopAsyncIteration:
                    span.finish()
                    return
                try:
                    sent = yield value
                except GeneratorExit:
                    await inside.run_async(generator.aclose)
                    raise
                except BaseException as error:
                    resume = functools.partial(generator.athrow, error)
                else:
                    resume = functools.partial(generator.asend, sent)
        except BaseException as error:
            span.finish(error)
            raise

    return wrapper
