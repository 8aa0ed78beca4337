"""gRPC's serving side: one server row per call, named ``package.Service/Method``."""

import inspect
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio

from hopline import tracer as tracing
from hopline.context import Active, current
from hopline.hooks.grpc.names import SERVER_ERRORS, code_name, describe, method_name
from hopline.hooks.guard import guarded, quietly
from hopline.hooks.http_client import SERVICE_HEADER
from hopline.hooks.wsgi import DISCONNECT
from hopline.noop import NOOP
from hopline.spans import Span

Behavior = Callable[..., Any]


class ServerInterceptor(grpc.ServerInterceptor):  # type: ignore[misc]
    """For ``grpc.server(interceptors=[...])``."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        """The handler, its calls under server rows."""
        handler = continuation(details)
        return quietly(_traced, handler, details) or handler


class AioServerInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """For ``grpc.aio.server(interceptors=[...])``."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """The handler, its calls under server rows."""
        handler = await continuation(details)
        return quietly(_traced, handler, details) or handler


def _traced(handler: Any, details: Any) -> Any:
    if handler is None or details.method in tracing.active().ignored_paths:
        return handler
    kind = f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
    behavior = getattr(handler, kind)
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    wrapped = _wrapper(behavior, handler.response_streaming)(behavior, details)
    return make(wrapped, handler.request_deserializer, handler.response_serializer)


def _wrapper(behavior: Behavior, streaming: bool) -> Callable[[Behavior, Any], Behavior]:
    """The wrapper that is to gRPC what ``behavior`` is: it asks which kind of function it has."""
    if inspect.isasyncgenfunction(behavior):
        return _async_generator
    if inspect.iscoroutinefunction(behavior):
        return _coroutine
    return _generator if streaming else _function


class _Call:
    """One call and its row."""

    __slots__ = ("_context", "span")

    def __init__(self, details: Any, context: Any) -> None:
        self._context = context
        self.span = guarded(_start, details, context)

    def end(self, error: BaseException | None = None) -> None:
        """End the row with the call's status."""
        quietly(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        span = self.span
        if span.recording and not span.end_ns:
            span.attr("client.address", self._context.peer())
            if isinstance(error, (GeneratorExit, CancelledError)):
                span.fail(DISCONNECT)
            else:
                self._status(error)
        span.finish()

    def _status(self, error: BaseException | None) -> None:
        context, span = self._context, self.span
        # A plain function on the asyncio side gets a context that cannot be asked.
        code = context.code() if hasattr(context, "code") else None
        if code:
            name = code_name(code)
            span.tag("rpc.status_code", name)
            if name in SERVER_ERRORS:
                details = context.details()
                span.fail(name, details.decode("utf-8", "replace") if isinstance(details, bytes) else details or "")
        elif error is None:
            span.tag("rpc.status_code", "OK")
        elif not isinstance(error, grpc.aio.AbortError):
            span.tag("rpc.status_code", "UNKNOWN")  # what gRPC answers when a handler raises
            span.record_exception(error)


def _start(details: Any, context: Any) -> Span:
    """Server row of one call, begun, or the no-op where nothing is traced."""
    tracer = tracing.active()
    name = method_name(details.method)
    span = tracer.receive(name, list(details.invocation_metadata or ()), sender=sender(context.peer()))
    if span is not NOOP:
        context.set_trailing_metadata(((SERVICE_HEADER, tracer.config.service),))
        describe(span, name)
        span.begin()
    return span


def sender(peer: str) -> str | None:
    """Address in what gRPC calls a peer, ``ipv4:10.1.2.3:4567``; ``None`` for a socket of this machine."""
    kind, _, address = peer.partition(":")
    return unquote(address) if kind in {"ipv4", "ipv6"} else None


def _function(behavior: Behavior, details: Any) -> Behavior:
    def serve(request: Any, context: Any) -> Any:
        one = _Call(details, context)
        try:
            with Active(one.span):
                answer = behavior(request, context)
        except BaseException as error:
            one.end(error)
            raise
        one.end()
        return answer

    return serve


def _generator(behavior: Behavior, details: Any) -> Behavior:
    def serve(request: Any, context: Any) -> Iterator[Any]:
        one = _Call(details, context)
        # The handler's steps share a context of their own, which its own spans may change between answers.
        own = copy_context()
        own.run(current.set, one.span)
        try:
            answers = own.run(iter, own.run(behavior, request, context))
            while True:
                try:
                    answer = own.run(next, answers)
                except StopIteration:
                    break
                yield answer
        except BaseException as error:
            one.end(error)
            raise
        one.end()

    return serve


def _coroutine(behavior: Behavior, details: Any) -> Behavior:
    async def serve(request: Any, context: Any) -> Any:
        one = _Call(details, context)
        try:
            with Active(one.span):
                answer = await behavior(request, context)
        except BaseException as error:
            one.end(error)
            raise
        one.end()
        return answer

    return serve


def _async_generator(behavior: Behavior, details: Any) -> Behavior:
    async def serve(request: Any, context: Any) -> AsyncIterator[Any]:
        one = _Call(details, context)
        answers = behavior(request, context)
        try:
            while True:
                try:
                    with Active(one.span):
                        answer = await anext(answers)
                except StopAsyncIteration:
                    break
                yield answer
        except BaseException as error:
            one.end(error)
            raise
        one.end()

    return serve
