"""OTLP over gRPC: ``TraceService/Export`` on a port of its own.

The rules are those of https://opentelemetry.io/docs/specs/otlp/#otlpgrpc: what is
refused of a request is told as partial success, pressure asks the sender to come again
by ``RetryInfo``, and nothing is answered before the spans are durable. The server runs
on a thread with an event loop of its own; grpcio is the extra ``grpc``.
"""

import asyncio
import importlib.util
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from hopline_collector.block import limits
from hopline_collector.door import otlp as receivers_otlp
from hopline_collector.door.bodies import BATCH_HEADER, Gate, RefusedError, checked_batch_id
from hopline_collector.door.encodings import inflate
from hopline_collector.door.intake import Intake
from hopline_collector.formats.proto import message_classes
from hopline_collector.metrics import Metrics

log = logging.getLogger(__name__)

SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
MISSING: Final = "OTLP over gRPC needs the extra grpc: pip install 'hopline[grpc]'"

_RPC: Final = message_classes(
    "hopline.grpc",
    """Status: int32 code=1; string message=2; repeated Any details=3
    Any: string type_url=1; bytes value=2
    RetryInfo: Duration retry_delay=1
    Duration: int64 seconds=1""",
)
_CODES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
"""HTTP status -> name of the gRPC code."""

_GZIP: Final = b"\x1f\x8b"
"""No request begins so: it would be a field with a wire type that does not exist."""

_WORKERS: Final = 4
_START_SECONDS: Final = 10.0
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    # grpcio bounds a message before it inflates it, so we inflate ourselves.
    ("grpc.per_message_decompression", 0),
    ("grpc.max_metadata_size", 16_384),
    # More than that waits with its sender, not here.
    ("grpc.max_concurrent_streams", 32),
    # A stream that never ends its request ends with its connection.
    ("grpc.max_connection_age_ms", 600_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
)


def available() -> bool:
    """Whether grpcio is installed."""
    return importlib.util.find_spec("grpc") is not None


def _admit_all(_authorization: str, _address: str) -> None:
    """Without tokens everybody may write."""


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """Where to listen, and who may write."""

    address: str
    """``host:port``; port 0 = any that is free."""
    certificate: Callable[[], tuple[bytes, bytes]] | None = None
    """Gives the key and the certificate chain of now, PEM; asked at each handshake. None = no TLS."""
    admit: Callable[[str, str], None] = _admit_all
    """Looks at the ``authorization`` of a call and its address; raises :class:`RefusedError` with 401 or 403."""
    max_bytes: int = limits.MESSAGE_BYTES
    """Largest request, inflated."""


class OtlpGrpcServer:
    """Takes OTLP over gRPC into an :class:`Intake`. ``clock`` gives microseconds since the epoch."""

    def __init__(
        self,
        intake: Intake,
        metrics: Metrics,
        settings: GrpcSettings,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._intake = intake
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._gate = Gate()
        self._pool = ThreadPoolExecutor(_WORKERS, "hopline-grpc")
        self._started: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._grace = 0.0
        self._thread = threading.Thread(target=self._serve, name="hopline-grpc-in", daemon=True)

    def start(self) -> int:
        """Listen; returns the port. Raises OSError when the address cannot be had."""
        self._thread.start()
        return self._started.result(_START_SECONDS)

    def stop(self, timeout: float = 4.0) -> None:
        """Take nothing new, and give calls under way ``timeout`` seconds."""
        if self._loop is not None and self._ended is not None and not self._loop.is_closed():
            self._grace = timeout / 2
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:
            if self._started.done():
                log.exception("OTLP over gRPC ended")
            else:
                self._started.set_exception(OSError(f"{self._settings.address}: {error}"))

    async def _run(self) -> None:
        import grpc

        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        limit = ("grpc.max_receive_message_length", self._settings.max_bytes)
        server = grpc.aio.server(options=(*_OPTIONS, limit))
        export = grpc.unary_unary_rpc_method_handler(self._export)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": export}),))
        port = _bind(server, self._settings)
        await server.start()
        self._started.set_result(port)
        await self._ended.wait()
        await server.stop(self._grace)

    async def _export(self, request: bytes, context: Any) -> bytes:
        """One call: the answer's bytes, or an abort with the status that says what to do."""
        status, answer = 200, b""
        try:
            metadata = _texts(context.invocation_metadata())
            self._settings.admit(metadata.get("authorization", ""), _address(context.peer()))
            answer = await self._take(request, checked_batch_id(metadata.get(BATCH_HEADER, "")))
        except RefusedError as refused:
            status = refused.status
            self._metrics.request("otlp-grpc", status)
            await _abort(context, refused)
        self._metrics.request("otlp-grpc", status)
        return answer

    async def _take(self, request: bytes, batch_id: str) -> bytes:
        self._gate.enter(len(request))
        try:
            # What the token may do is known to this call's context.
            store = partial(copy_context().run, self._store, request, batch_id)
            return await asyncio.get_running_loop().run_in_executor(self._pool, store)
        finally:
            self._gate.leave(len(request))

    def _store(self, request: bytes, batch_id: str) -> bytes:
        body = inflate(request, self._settings.max_bytes) if request[:2] == _GZIP else request
        return receivers_otlp.take(self._intake, receivers_otlp.PROTOBUF, body, batch_id, self._clock())


def _bind(server: Any, settings: GrpcSettings) -> int:
    import grpc

    if settings.certificate is None:
        return int(server.add_insecure_port(settings.address))
    pair = settings.certificate

    def now() -> Any:
        return grpc.ssl_server_certificate_configuration([pair()])

    credentials = grpc.dynamic_ssl_server_credentials(now(), now)
    return int(server.add_secure_port(settings.address, credentials))


def _address(peer: str) -> str:
    """The address of ``ipv4:127.0.0.1:5000`` or ``ipv6:[::1]:5000``, as gRPC names who calls (it may quote them)."""
    kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else peer


def _texts(metadata: Sequence[tuple[str, str | bytes]]) -> dict[str, str]:
    return {key: value for key, value in metadata or () if isinstance(value, str)}


async def _abort(context: Any, refused: RefusedError) -> None:
    """End the call. Where coming again helps, a ``RetryInfo`` says when; without one the sender must not."""
    import grpc

    code = getattr(grpc.StatusCode, _CODES.get(refused.status, "UNKNOWN"))
    message = (refused.detail or refused.error)[:1_000].encode("utf-8", "replace").decode()
    trailers: tuple[tuple[str, bytes], ...] = ()
    if refused.retry_after:
        delay = _RPC["RetryInfo"](retry_delay=_RPC["Duration"](seconds=refused.retry_after))
        detail = _RPC["Any"](type_url="type.googleapis.com/google.rpc.RetryInfo", value=delay.SerializeToString())
        status = _RPC["Status"](code=code.value[0], message=message, details=[detail])
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, message, trailers)
