"""gRPC's serving side: one server row per call, named ``package.Service/Method``."""

import inspect
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio

from hopline.context import Active, current
from hopline.hooks.grpc.names import SERVER_ERRORS, code_name, describe, method_name
from hopline.hooks.guard import safely
from hopline.hooks.server import SERVICE_HEADER, ServerCall

Behavior = Callable[..., Any]


class ServerInterceptor(grpc.ServerInterceptor):  # type: ignore[misc]
    """For ``grpc.server(interceptors=[...])``."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        """The handler, its calls under server rows."""
        handler = continuation(details)
        return safely(_traced, handler, details) or handler


class AioServerInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """For ``grpc.aio.server(interceptors=[...])``."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """The handler, its calls under server rows."""
        handler = await continuation(details)
        return safely(_traced, handler, details) or handler


def _traced(handler: Any, details: Any) -> Any:
    if handler is None:
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


class _Call(ServerCall):
    """One call and its row."""

    __slots__ = ("_context", "_name")

    def __init__(self, details: Any, context: Any) -> None:
        super().__init__(sender(context.peer()))
        self._context = context
        self._name = method_name(details.method)

    def header(self, name: str) -> str:
        """One key of the call's metadata."""
        metadata = self._context.invocation_metadata() or ()
        return ",".join(str(value) for key, value in metadata if key == name)

    def operation(self) -> str:
        """The method's full name."""
        return self._name

    def describe(self, error: BaseException | None) -> None:
        """Address and status; a plain function on the asyncio side gets a context that cannot be asked for one."""
        span, context = self.span, self._context
        span.attr("client.address", context.peer())
        if isinstance(error, (GeneratorExit, CancelledError)):
            self.disconnected = True
            return
        code = context.code() if hasattr(context, "code") else None
        if code:
            span.tag("rpc.status_code", code_name(code))
        elif error is None:
            span.tag("rpc.status_code", "OK")
        elif not isinstance(error, grpc.aio.AbortError):
            span.tag("rpc.status_code", "UNKNOWN")  # what gRPC answers when a handler raises

    def fail_for(self, error: BaseException | None) -> None:
        """As for any call; a status that the handler set says more than what it raised."""
        context = self._context
        code = context.code() if hasattr(context, "code") else None
        if self.disconnected or not code:
            super().fail_for(None if isinstance(error, grpc.aio.AbortError) else error)
        elif code_name(code) in SERVER_ERRORS:
            details = context.details()
            text = details.decode("utf-8", "replace") if isinstance(details, bytes) else details or ""
            self.span.fail(code_name(code), text)


def _begun(details: Any, context: Any) -> _Call | None:
    """The call and its row, begun, or nothing where nothing is traced."""
    call = _Call(details, context)
    if not call.begin(call.operation(), details.method, list(details.invocation_metadata or ())):
        return None
    ours = tuple(pair for pair in call.headers() if pair[0] == SERVICE_HEADER)
    if ours:
        context.set_trailing_metadata(ours)
    if call.span.recording:
        describe(call.span, call.operation())
    return call


def sender(peer: str) -> str | None:
    """Address in what gRPC calls a peer, ``ipv4:10.1.2.3:4567``; ``None`` for a socket of this machine."""
    kind, _, address = peer.partition(":")
    return unquote(address) if kind in {"ipv4", "ipv6"} else None


def _function(behavior: Behavior, details: Any) -> Behavior:
    def serve(request: Any, context: Any) -> Any:
        call = safely(_begun, details, context)
        if call is None:
            return behavior(request, context)
        try:
            with Active(call.span):
                answer = behavior(request, context)
        except BaseException as error:
            call.end(error)
            raise
        call.end()
        return answer

    return serve


def _generator(behavior: Behavior, details: Any) -> Behavior:
    def serve(request: Any, context: Any) -> Iterator[Any]:
        call = safely(_begun, details, context)
        if call is None:
            yield from behavior(request, context)
            return
        # The handler's steps share a context of their own, which its own spans may change between answers.
        own = copy_context()
        own.run(current.set, call.span)
        try:
            answers = own.run(iter, own.run(behavior, request, context))
            while True:
                try:
                    answer = own.run(next, answers)
                except StopIteration:
                    break
                yield answer
        except BaseException as error:
            call.end(error)
            raise
        call.end()

    return serve


def _coroutine(behavior: Behavior, details: Any) -> Behavior:
    async def serve(request: Any, context: Any) -> Any:
        call = safely(_begun, details, context)
        if call is None:
            return await behavior(request, context)
        try:
            with Active(call.span):
                answer = await behavior(request, context)
        except BaseException as error:
            call.end(error)
            raise
        call.end()
        return answer

    return serve


def _async_generator(behavior: Behavior, details: Any) -> Behavior:
    async def serve(request: Any, context: Any) -> AsyncIterator[Any]:
        call = safely(_begun, details, context)
        answers = behavior(request, context)
        if call is None:
            async for answer in answers:
                yield answer
            return
        try:
            while True:
                try:
                    with Active(call.span):
                        answer = await anext(answers)
                except StopAsyncIteration:
                    break
                yield answer
        except BaseException as error:
            call.end(error)
            raise
        call.end()

    return serve
