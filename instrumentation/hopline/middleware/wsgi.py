"""WSGI middleware: one server row per request, for Flask and any WSGI application (PEP 3333).

The row ends with the last chunk of the body, streaming included. Its name needs the
route's template, which Werkzeug leaves in the environment once the route is known;
any other framework may put it under ``hopline.route``.
"""

from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from types import TracebackType
from typing import Any, Final, Protocol, TypeAlias

from hopline.context import current
from hopline.hooks.guard import safely
from hopline.hooks.server import HttpCall
from hopline.middleware.route import ROUTE_KEY, braces

Environ: TypeAlias = dict[str, Any]
ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None
StartResponse: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

_CARRIERS: Final = tuple(
    (f"HTTP_{name.upper().replace('-', '_')}", name)
    for name in (
        "traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags",
    )
)  # fmt: skip
_WITHOUT_BODY: Final = frozenset({204, 304})


class TraceMiddleware:
    """``app.wsgi_app = TraceMiddleware(app.wsgi_app)``, or around any WSGI callable."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request under a server row; inside another served request, pass."""
        call = safely(_begun, environ, start_response)
        return self._app(environ, start_response) if call is None else call.serve(self._app)


def _begun(environ: Environ, start_response: StartResponse) -> "_Call | None":
    call = _Call(environ, start_response)
    return call if call.begin(call.method, environ.get("PATH_INFO", ""), request_headers(environ)) else None


class _Call(HttpCall):
    """One request and its row, which ends after the application has returned.

    Application and body run in a context of their own: a generator that yields inside
    a span must not leave that span behind for the server's next request.
    """

    __slots__ = ("_environ", "_route", "_run", "_start_response")

    def __init__(self, environ: Environ, start_response: StartResponse) -> None:
        super().__init__(environ["REQUEST_METHOD"], raw_path(environ), environ.get("REMOTE_ADDR") or None)
        self._environ = environ
        self._route = ""
        self._start_response = start_response

    def route(self) -> str:
        """Template of the route that the framework has left in the environment."""
        return self._route or template(self._environ)

    def header(self, name: str) -> str:
        """One of the request's headers."""
        return str(self._environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))

    def serve(self, app: App) -> Iterable[bytes]:
        context = copy_context()
        context.run(current.set, self.span)
        self._run = context.run
        try:
            body = self._run(app, self._environ, self._start)
        except BaseException as error:
            self.end(error)
            raise
        file_wrapper = self._environ.get("wsgi.file_wrapper")
        if isinstance(body, (list, tuple)) or (isinstance(file_wrapper, type) and isinstance(body, file_wrapper)):
            # All work is done; the server may need the very object, for its length or to send a file by itself.
            self.end()
            return body
        return Body(body, self, self._run)

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None) -> Any:
        ours = safely(self._note_start, status) or []
        # PEP 3333: the third argument is passed only when there is one.
        return self._start_response(status, [*headers, *ours], *((exc_info,) if exc_info else ()))

    def _note_start(self, status: str) -> list[tuple[str, str]]:
        """Note status and route, which Flask forgets before the body is read; returns the headers to add."""
        self.answered(int(status[:3]))
        self._route = safely(template, self._environ) or ""
        return [(name, latin1(value)) for name, value in self.headers()]

    def cut(self) -> None:
        """The server stopped before the end of the body: the client has gone, unless none was to be sent."""
        if self.method != "HEAD" and self.status not in _WITHOUT_BODY:
            self.disconnected = True


class Exchange(Protocol):
    """A request whose row ends with the body of its answer."""

    def end(self, error: BaseException | None = None) -> None:
        """End the row."""

    def cut(self) -> None:
        """Note that the body was not read to its end."""


class Body:
    """The body; each step of it runs inside the row, and its end or its closing ends the row.

    ``run`` calls a function in the context of the request.
    """

    __slots__ = ("_body", "_call", "_complete", "_iterator", "_run")

    def __init__(self, body: Iterable[bytes], call: Exchange, run: Callable[..., Any]) -> None:
        self._body = body
        self._iterator = run(iter, body)
        self._call = call
        self._run = run
        self._complete = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk: bytes = self._run(next, self._iterator)
            return chunk
        except StopIteration:
            self._complete = True
            self._call.end()
            raise
        except BaseException as error:
            self._complete = True
            self._call.end(error)
            raise

    def close(self) -> None:
        """The server wants no more."""
        if not self._complete:
            self._call.cut()
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                self._run(close)
        finally:
            self._call.end()


def request_headers(environ: Environ) -> list[tuple[str, str]]:
    """Those of the request's headers that may carry a trace, as pairs."""
    return [(name, environ[key]) for key, name in _CARRIERS if key in environ]


def raw_path(environ: Environ) -> str:
    """The path as the client sent it, decoded: WSGI has its bytes as Latin-1 text."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def latin1(text: str) -> str:
    """``text`` as WSGI wants header values: the bytes of its UTF-8, read as Latin-1."""
    return text if text.isascii() else text.encode().decode("latin-1")


def template(environ: Environ) -> str:
    """The route's template as the client sees it, mounts included; empty without a route."""
    own = environ.get(ROUTE_KEY)
    if own:
        return braces(str(own))
    request = environ.get("werkzeug.request")
    rule = getattr(request, "url_rule", None)
    return environ.get("SCRIPT_NAME", "") + braces(rule.rule) if rule is not None else ""
