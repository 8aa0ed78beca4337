"""WSGI middleware: one server row per request, for Flask and any WSGI application (PEP 3333).

The row ends with the last chunk of the body, streaming included. Its name needs the
route's template, which Werkzeug leaves in the environment once the route is known;
any other framework may put it under ``hopline.route``.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from types import TracebackType
from typing import Any, Final, Protocol, TypeAlias

from hopline import tracer as tracing
from hopline.context import current
from hopline.hooks.guard import quietly
from hopline.hooks.http_client import SERVICE_HEADER, TRACE_HEADER
from hopline.noop import NOOP
from hopline.spans import Span

Environ: TypeAlias = dict[str, Any]
ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None
StartResponse: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

ROUTE_KEY: Final = "hopline.route"
DISCONNECT: Final = "ClientDisconnect"
SPAN_KEY: Final = "hopline.span"
_CARRIERS: Final = tuple(
    (f"HTTP_{name.upper().replace('-', '_')}", name)
    for name in (
        "traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags",
    )
)  # fmt: skip
_PARAMETER: Final = re.compile(r"<(?:[^<>:]*:)?([^<>]+)>")
_WITHOUT_BODY: Final = frozenset({"204", "304"})


class TraceMiddleware:
    """``app.wsgi_app = TraceMiddleware(app.wsgi_app)``, or around any WSGI callable."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request under a server row."""
        request = quietly(_begin, environ, start_response)
        return self._app(environ, start_response) if request is None else request.serve(self._app)


def _begin(environ: Environ, start_response: StartResponse) -> "_Request | None":
    """The request and its row, begun; ``None`` for one that has a row or shall have none."""
    tracer = tracing.active()
    if SPAN_KEY in environ or environ.get("PATH_INFO") in tracer.ignored_paths:
        return None
    sender = environ.get("REMOTE_ADDR") or None
    span = tracer.receive(environ["REQUEST_METHOD"], request_headers(environ), sender=sender)
    if span is NOOP:
        return None
    environ[SPAN_KEY] = span
    request = _Request(span, environ, start_response, tracer.config.service)
    span.begin()
    return request


class _Request:
    """One request and its row, which ends after the application has returned.

    Application and body run in a context of their own: a generator that yields inside
    a span must not leave that span behind for the server's next request.
    """

    __slots__ = ("_environ", "_run", "_service", "_span", "_start_response", "_status")

    def __init__(self, span: Span, environ: Environ, start_response: StartResponse, service: str) -> None:
        self._span = span
        self._environ = environ
        self._start_response = start_response
        self._service = service
        self._status = ""
        context = copy_context()
        context.run(current.set, span)
        self._run = context.run
        span.entry.operation = self._name

    def serve(self, app: App) -> Iterable[bytes]:
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
        ours = quietly(self._note_start, status) or []
        # PEP 3333: the third argument is passed only when there is one.
        return self._start_response(status, [*headers, *ours], *((exc_info,) if exc_info else ()))

    def _note_start(self, status: str) -> list[tuple[str, str]]:
        """Note status and route; returns the headers to add."""
        span = self._span
        self._status = status[:3]
        # Flask forgets its route before the body is read.
        span.name = span.entry.operation = self._name()
        return [(TRACE_HEADER, span.trace_id), (SERVICE_HEADER, self._service.encode().decode("latin-1"))]

    def end(self, error: BaseException | None = None) -> None:
        quietly(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        span = self._span
        if span.recording and not span.end_ns:
            if not self._status:
                span.name = self._name()
            span.tag("http.request.method", self._environ["REQUEST_METHOD"])
            if self._status:
                span.tag("http.response.status_code", self._status)
            if self._status >= "500" and not span.detail.error:
                span.fail(self._status)
            span.attr("url.path", raw_path(self._environ))
            address = self._environ.get("REMOTE_ADDR")
            if address:
                span.attr("client.address", address)
        span.finish(error)

    def cut(self) -> None:
        """The server stopped before the end of the body: the client has gone, unless none was to be sent."""
        if self._environ["REQUEST_METHOD"] != "HEAD" and self._status not in _WITHOUT_BODY:
            quietly(self._span.fail, DISCONNECT)

    def _name(self) -> str:
        route = quietly(template, self._environ)  # a request object of another kind costs the route
        return f"{self._environ['REQUEST_METHOD']} {route}" if route else str(self._environ["REQUEST_METHOD"])


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

    __slots__ = ("_body", "_complete", "_iterator", "_request", "_run")

    def __init__(self, body: Iterable[bytes], request: Exchange, run: Callable[..., Any]) -> None:
        self._body = body
        self._iterator = run(iter, body)
        self._request = request
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
            self._request.end()
            raise
        except BaseException as error:
            self._complete = True
            self._request.end(error)
            raise

    def close(self) -> None:
        """The server wants no more."""
        if not self._complete:
            self._request.cut()
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                self._run(close)
        finally:
            self._request.end()


def request_headers(environ: Environ) -> list[tuple[str, str]]:
    """Those of the request's headers that may carry a trace, as pairs."""
    return [(name, environ[key]) for key, name in _CARRIERS if key in environ]


def raw_path(environ: Environ) -> str:
    """The path as the client sent it, decoded: WSGI has its bytes as Latin-1 text."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def template(environ: Environ) -> str:
    """The route's template as the client sees it, mounts included; empty without a route."""
    own = environ.get(ROUTE_KEY)
    if own:
        return str(own)
    request = environ.get("werkzeug.request")
    rule = getattr(request, "url_rule", None)
    return environ.get("SCRIPT_NAME", "") + braces(rule.rule) if rule is not None else ""


def braces(rule: str) -> str:
    """``/users/<int:id>`` of Flask and Django as ``/users/{id}``: one spelling for every framework."""
    return _PARAMETER.sub(r"{\1}", rule)
