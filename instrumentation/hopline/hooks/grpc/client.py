"""gRPC's calling side: one client row per call, until its last answer and status."""

import asyncio
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from hopline.context import Active
from hopline.hooks import outgoing
from hopline.hooks.grpc.names import code_name, describe, method_name
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.http_client import name_peer
from hopline.hooks.server import SERVICE_HEADER
from hopline.noop import NOOP
from hopline.spans import Span
from hopline.tracer import call

_OURS = frozenset(name.lower() for name in outgoing.NAMES)
_FIELDS = ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")


class _Details(namedtuple("_Details", _FIELDS), grpc.ClientCallDetails):  # type: ignore[misc]  # noqa: PYI024 - gRPC's own way to make details
    """Details of a call with our metadata."""


class _Target:
    """The far end of a channel."""

    def __init__(self, target: str) -> None:
        self.address = target.rpartition("/")[2]
        """``host:port`` of ``dns:///host:port``, or the path's end of a Unix socket."""

    def start(self, method: str | bytes) -> Span:
        """Client row of one call, not yet begun; its far end is of no kind until it names itself."""
        name = method_name(method)
        span = call(name, peer=self.address, peer_kind="")
        if span.recording:
            describe(span, name)
            span.tag("server.address", self.address.rpartition(":")[0] or self.address)
        return span

    def metadata(self, own: Any, span: Span) -> list[Any]:
        """The call's ``own`` metadata with ours in place of any other context; gRPC wants its keys in lower case."""
        ours = [(key.lower(), value) for key, value in outgoing.headers(span, self.address)]
        return [*(pair for pair in own or () if not ours or pair[0] not in _OURS), *ours]


def _ended(span: Span, code: Any, details: str | None, trailing: Any) -> None:
    """End the row with the call's status."""
    name = code_name(code)
    if span.recording and not span.end_ns:
        span.tag("rpc.status_code", name)
        if name != "OK":
            span.fail(name, details or "")
        for key, value in trailing or ():
            if key == SERVICE_HEADER and value:
                name_peer(span, str(value))
    span.finish()


def _done(span: Span, call: Any) -> None:
    _ended(span, call.code(), call.details(), call.trailing_metadata())


class ClientInterceptor(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[misc]
    grpc.StreamStreamClientInterceptor,  # type: ignore[misc]
):
    """For ``grpc.intercept_channel``; ``target`` names the channel's far end."""

    def __init__(self, target: str) -> None:
        self._target = _Target(target)

    def _intercept(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        span = span_or_noop(self._target.start, details.method)
        ours = safely(self._with_headers, details, span) or details
        safely(span.begin)
        if span is NOOP:
            return continuation(ours, request)
        try:
            with Active(span):
                under_way = continuation(ours, request)
        except BaseException as error:
            safely(span.finish, error)
            raise
        under_way.add_done_callback(lambda done: safely(_done, span, done))
        return under_way

    def _with_headers(self, details: Any, span: Span) -> _Details:
        metadata = self._target.metadata(details.metadata, span)
        kept = {field: getattr(details, field, None) for field in _FIELDS}
        return _Details(**(kept | {"metadata": metadata}))

    intercept_unary_unary = _intercept
    intercept_unary_stream = _intercept
    intercept_stream_unary = _intercept
    intercept_stream_stream = _intercept


class _AioInterceptor:
    def __init__(self, target: str) -> None:
        self._target = _Target(target)
        self._ending: set[asyncio.Task[None]] = set()

    async def _begun(self, continuation: Any, details: grpc.aio.ClientCallDetails, request: Any) -> tuple[Any, Span]:
        span = span_or_noop(self._target.start, details.method)
        ours = safely(self._with_headers, details, span) or details
        safely(span.begin)
        if span is NOOP:
            return await continuation(ours, request), span
        try:
            with Active(span):
                return await continuation(ours, request), span
        except BaseException as error:
            safely(span.finish, error)
            raise

    def _with_headers(self, details: grpc.aio.ClientCallDetails, span: Span) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*self._target.metadata(details.metadata, span))
        return details._replace(metadata=metadata)

    async def one_answer(self, continuation: Any, details: Any, request: Any) -> Any:
        under_way, span = await self._begun(continuation, details, request)
        if span is not NOOP:
            try:
                await self._end(under_way, span)
            except BaseException as error:
                safely(span.finish, error)
                raise
        return under_way

    async def stream(self, continuation: Any, details: Any, request: Any) -> Any:
        under_way, span = await self._begun(continuation, details, request)
        if span is not NOOP:

            def done(call: Any) -> None:
                # The status is here, but gRPC hands it out to coroutines only.
                task = asyncio.ensure_future(self._end(call, span))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

            under_way.add_done_callback(done)
        return under_way

    @staticmethod
    async def _end(call: Any, span: Span) -> None:
        safely(_ended, span, await call.code(), await call.details(), await call.trailing_metadata())


class _AioUnaryUnary(_AioInterceptor, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    intercept_unary_unary = _AioInterceptor.one_answer


class _AioUnaryStream(_AioInterceptor, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[misc]
    intercept_unary_stream = _AioInterceptor.stream


class _AioStreamUnary(_AioInterceptor, grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[misc]
    intercept_stream_unary = _AioInterceptor.stream


class _AioStreamStream(_AioInterceptor, grpc.aio.StreamStreamClientInterceptor):  # type: ignore[misc]
    intercept_stream_stream = _AioInterceptor.stream


def AioInterceptors(target: str) -> list[Any]:  # noqa: N802 - gRPC's asyncio side takes one interceptor per kind
    """Interceptors for ``grpc.aio.insecure_channel(target, interceptors=...)``."""
    return [kind(target) for kind in (_AioUnaryUnary, _AioUnaryStream, _AioStreamUnary, _AioStreamStream)]
