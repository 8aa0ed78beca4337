"""The serving side of a call, judged in one place for every framework.

A framework's adapter makes a :class:`HttpCall` for each request, tells what only the framework knows
(:meth:`~ServerCall.route` and the like), and reports three moments: ``begin``, ``answered``, ``end``. Which
requests get a row, what the row is called, which tags it has, what counts as its failure, which sender is
believed and what the answer says about us is decided here, as Brave does in its ``HttpServerHandler``.
"""

from abc import ABC, abstractmethod
from typing import Any, Final

from hopline import tracer as tracing
from hopline.context import get_current
from hopline.hooks.guard import note
from hopline.noop import NOOP
from hopline.propagation.forwarded import sender_behind
from hopline.sampling import OperationSampler
from hopline.spans import Span
from hopline.tracer import Tracer
from hopline.vocabulary import CALL_KINDS

TRACE_HEADER: Final = "hopline-trace-id"
SERVICE_HEADER: Final = "hopline-service"
_TRACE_HEADER: Final = TRACE_HEADER.encode()
_SERVICE_HEADER: Final = SERVICE_HEADER.encode()

DISCONNECT: Final = "ClientDisconnect"
"""Error type of a call whose caller did not wait for the end of the answer."""
NO_RESPONSE: Final = "NoResponse"
"""Error type of a call that ended without any answer."""

METHOD_TAG: Final = "http.request.method"
STATUS_TAG: Final = "http.response.status_code"


class ServerCall(ABC):
    """One call that this process serves, of any protocol, and its row.

    ``span`` is the row: the root of an unsampled trace where nothing is recorded, the no-op before
    :meth:`begin` and where nothing is traced.
    """

    __slots__ = ("_shown", "address", "disconnected", "raised", "span")

    def __init__(self, address: str | None) -> None:
        self.address = address
        """Where the call comes from, as far as the connection tells."""
        self.span: Span = NOOP
        self._shown: Tracer | None = None
        """Whose service the answer names, if it says anything about us."""
        self.disconnected = False
        """Set when the caller has gone before the answer was complete."""
        self.raised: BaseException | None = None
        """What the work raised, where a framework turns that into an answer by itself."""

    @abstractmethod
    def operation(self) -> str:
        """The name of this work, as far as it is known by now."""

    def expected(self, name: str, rules: OperationSampler) -> str:  # noqa: ARG002 - a name known at once is enough
        """The name by which ``rules`` decide on sampling, before the work has its final one."""
        return name

    def header(self, name: str) -> str:  # noqa: ARG002 - for adapters that know their request's headers
        """The value of one header of the request, several joined by commas; empty without."""
        return ""

    def begin(self, name: str, path: str, headers: Any) -> bool:
        """Begin the row that ``headers`` ask for; whether there is anything to trace.

        ``name`` is the row's for now, ``path`` what the setting ``ignore_paths`` judges. ``headers`` are what
        :meth:`hopline.tracer.Tracer.receive_http` takes. Inside another served call that call's row stands for all.
        """
        try:
            tracer = tracing.active()
            if not tracer.process.enabled:
                return False
            outer = get_current()
            if outer is not None and is_served(outer):
                return False
            config = tracer.config
            proxies = config.trusted_proxies
            if proxies and self.address:
                self.address = sender_behind(self.address, proxies, self.header)
            if path in tracer.ignored_paths:
                self.span = tracer.ignore(name, headers, self.operation)
            else:
                if tracer.rules is not None:
                    name = self.expected(name, tracer.rules)
                span = tracer.receive_http(name, headers, self.address, self.operation)
                if type(span) is Span:
                    span.begin()
                self.span = span
                if config.response_headers:
                    self._shown = tracer
        except Exception as error:
            note(error)
            self.span = NOOP
        return self.span is not NOOP

    def headers(self) -> list[tuple[str, str]]:
        """What the answer says about us, as text: the trace, and the true name of this service."""
        tracer, span = self._shown, self.span
        if tracer is None or span is NOOP:
            return []
        # Not by `span.entry`: that of an unsampled request is read from its headers only when somebody asks for it.
        return [(TRACE_HEADER, span.trace_id), (SERVICE_HEADER, tracer.config.service)]

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """:meth:`headers` as bytes, which is how ASGI has them."""
        tracer, span = self._shown, self.span
        if tracer is None or span is NOOP:
            return []
        return [(_TRACE_HEADER, span.trace_id.encode()), (_SERVICE_HEADER, tracer.service_header)]

    def end(self, error: BaseException | None = None) -> None:
        """End the row, once: the work is done, or ``error`` came out of it."""
        span = self.span
        if span.end_ns:
            return
        # Written out rather than by `safely`: two calls for each request.
        try:
            if span.recording:
                self.describe(error)
                self.fail_for(error)
            else:
                self.span = NOOP  # which asks this for the operation: neither may keep the other alive
        except Exception as failure:
            note(failure)
        try:
            span.finish()
        except Exception as failure:
            note(failure)

    @abstractmethod
    def describe(self, error: BaseException | None) -> None:
        """Set the tags that are known at the end."""

    def fail_for(self, error: BaseException | None) -> None:
        """Mark the row as failed where the caller left, the work was cancelled, or ``error`` came out of it."""
        span = self.span
        if self.disconnected or isinstance(error, GeneratorExit):
            span.fail(DISCONNECT)
        elif error is not None:
            span.record_exception(error)


class HttpCall(ServerCall):
    """One HTTP request that this process serves.

    ``status`` is 0 until the answer has begun.
    """

    __slots__ = ("method", "path", "status")

    def __init__(self, method: str, path: str, address: str | None) -> None:
        # ServerCall.__init__ written out: the call of it costs each request as much as all these.
        self.address = address
        self.span = NOOP
        self._shown = None
        self.disconnected = False
        self.raised = None
        self.method = method
        self.path = path
        self.status = 0

    def route(self) -> str:
        """Template of the request's route, as ``/orders/{number}``; empty while it is unknown."""
        return ""

    def operation(self) -> str:
        """``METHOD /route/{template}`` as far as it is known by now, or the method alone: never the raw path."""
        try:
            route = self.route()
        except Exception as error:  # a router of another kind costs the route
            note(error)
            route = ""
        return f"{self.method} {route}" if route else self.method

    def expected(self, name: str, rules: OperationSampler) -> str:
        """The rule that the path meets: the router comes later."""
        return rules.operation_of(self.method, self.path) or name

    def answered(self, status: int) -> None:
        """Note that the answer has begun."""
        self.status = status

    def describe(self, error: BaseException | None) -> None:
        """Name and tags; an error before the answer is a 500 of the server around us."""
        span = self.span
        span.name = span.entry.operation = self.operation()
        tags = span.tags
        tags[METHOD_TAG] = self.method
        if error is not None and not self.status and isinstance(error, Exception) and not self.disconnected:
            self.status = 500
        if self.status:
            tags[STATUS_TAG] = str(self.status)
        attrs = span.detail.attrs
        attrs["url.path"] = self.path
        if self.address:
            attrs["client.address"] = str(self.address)

    def fail_for(self, error: BaseException | None) -> None:
        """As for any call; and for 5xx, by what was raised where a framework answered for it, or without an answer."""
        if error is not None or self.disconnected:
            super().fail_for(error)
        elif self.status >= 500:
            if self.raised is not None:
                self.span.record_exception(self.raised)
            elif not self.span.detail.error:
                self.span.fail(str(self.status))
        elif not self.status:
            self.span.fail(NO_RESPONSE)


def is_served(span: Span | None) -> bool:
    """Whether ``span`` is, or is inside, the row of a call that is being served in this very process.

    A call of our own in between leads to another server, though it may be of the same process.
    """
    while span is not None and not span.end_ns:
        if span.kind == "server":
            return True
        if span.kind in CALL_KINDS:
            return False
        span = span.parent
    return False
