"""Serving one application on one or two ports until a signal asks for the end."""

import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn

from hopline_deploy import ports
from hopline_deploy.renewing import Certificate, Renewing

log = logging.getLogger(__name__)

_BACKLOG = 2_048
_TURN_SECONDS = 0.001
_COLLECT_AFTER = (20_000, 10, 5)


class PortTakenError(OSError):
    """A port that the user named is held by another process, or cannot be used; the message says which."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. A port that was not named may move to the next free one."""

    host: str
    port: int
    named: bool


def choose(address: Address) -> tuple[int, str]:
    """The port to use, and a remark when it is not the wished one.

    Raises:
        PortTakenError: the port was named and is taken, or none near it is free.

    """
    try:
        if not address.port or ports.is_free(address.host, address.port):
            return address.port, ""
    except OSError as error:
        raise PortTakenError(f"cannot listen on {address.host}:{address.port}: {error.strerror or error}") from None
    holder = ports.holder(address.port)
    taken = f"port {address.port} is held by {f'process {holder}' if holder else 'another process'}"
    if address.named:
        raise PortTakenError(taken)
    try:
        return ports.next_free(address.host, address.port + 1), taken
    except OSError as error:
        raise PortTakenError(f"{taken}, and {error}") from None


def listen(address: Address) -> tuple[socket.socket, str]:
    """A listening socket, and a remark when it is on another port than wished.

    Raises:
        PortTakenError: as `choose`.

    """
    port, remark = choose(address)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio sets TCP_NODELAY on connections of this very protocol alone: with the default, 0, the body of each
    # kept-alive answer waits 40 ms for the client's delayed acknowledgement of the header.
    server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address.host, port))
    server.listen(_BACKLOG)
    return server, remark


def url(server: socket.socket, *, tls: bool = False) -> str:
    """``http://host:port`` of a listening socket."""
    host, port = server.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def grpc_address(host: str, port: int) -> str:
    """``host:port`` as gRPC writes it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn without its habit of ending by the signal that asked for the end: we end with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        def stop(number: int, frame: FrameType | None) -> None:
            self.handle_exit(number, frame)

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def serve(
    app: Any, sockets: Sequence[socket.socket], *, shutdown_s: float, certificate: Certificate | None = None
) -> None:
    """Serve `app` until SIGTERM or Ctrl-C; running requests get `shutdown_s` seconds to finish.

    With a `certificate` it is HTTPS.
    """
    chain, key = certificate.files if certificate else (None, None)
    config = uvicorn.Config(
        app,
        log_level="warning",
        ssl_certfile=chain,
        ssl_keyfile=key,
        # Addresses hold user ids and trace ids: they do not belong in a log.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(shutdown_s)),
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=64 * 1024,
    )
    # A thread that computes lets the event loop have its turn after this long: probes wait for it.
    sys.setswitchinterval(_TURN_SECONDS)
    config.load()
    if config.ssl is not None and certificate:
        Renewing(config.ssl, certificate).start()
    # An answer makes hundreds of thousands of objects that live as long as it does: with the default, walking
    # them again and again took half of the time of a large trace.
    gc.set_threshold(*_COLLECT_AFTER)
    _Server(config).run(sockets=list(sockets))
