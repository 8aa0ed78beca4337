"""One current span for OpenTelemetry and us: ``OTEL_PYTHON_CONTEXT=hopline``.

OpenTelemetry loads its runtime context while it is being imported itself, so this module
may import nothing of it but the class it extends; the rest comes with the first use.
"""

from contextvars import Token
from typing import Any

from opentelemetry.context.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext

from hopline.context import current
from hopline.noop import NOOP
from hopline.spans import Span


class SharedContext(ContextVarsRuntimeContext):
    """Makes the row of OpenTelemetry's current span ours, and our current span its parent."""

    def attach(self, context: Context) -> Any:
        """As OpenTelemetry; our current span becomes the row of the span in ``context``."""
        token = super().attach(context)
        before = current.get()
        if before is NOOP:
            return token  # our own sender: nothing is to be traced here
        from hopline.otel import bridge

        row = bridge.row_in(context)
        current.set(row)
        return _Attached(token, before, row)

    def detach(self, token: Any) -> None:
        """As OpenTelemetry; our current span is what it was, unless others have changed it since."""
        if isinstance(token, _Attached):
            if current.get() is token.row:
                current.set(token.before)
            token = token.inner
        super().detach(token)

    def get_current(self) -> Context:
        """As OpenTelemetry, with our current span in it when that is the inner one."""
        context = super().get_current()
        inner = current.get()
        if inner is None or inner is NOOP:
            return context
        from hopline.otel import bridge

        return bridge.with_span(inner, context)


class _Attached:
    """What detaching needs to know."""

    __slots__ = ("before", "inner", "row")

    def __init__(self, inner: Token[Context], before: Span | None, row: Span | None) -> None:
        self.inner = inner
        self.before = before
        self.row = row
