"""The trace state of a span that has a path: our member ``hop`` and who numbers its children.

OpenTelemetry hands a parent's trace state, the very object, to the sampler of each child.
So the state itself holds the span's row with its counter: nothing has to be looked up by
id, nothing has to be dropped when a span ends, and what the row of a process shares
(baggage, uid, weight) is shared by rows of either kind of instrumentation.
"""

from typing import Any, Final

from opentelemetry.trace import SpanContext, TraceState

from hopline.propagation import tracestate
from hopline.propagation.tracestate import Hop
from hopline.spans import Span, next_number
from hopline.vocabulary import CALL_KINDS, DEBUG

MEMBER: Final = "hop"


class PathState(TraceState):
    """Trace state of a sampled span of ours. ``span`` is the row that will be sent.

    ``shared``: the row is one of our own instrumentation, which ends and sends it; an OpenTelemetry span
    with such a state stands for it (:mod:`hopline.otel.stand_in`).
    """

    def __init__(self, span: Span, *, shared: bool = False) -> None:  # the base class would build an empty dictionary
        self.span = span
        self.shared = shared

    def to_header(self) -> str:
        """The header of one outgoing call: the span's own path, or the next of its child numbers (M4).

        Empty of our member until the span's id is known (:class:`hopline.otel.PathProcessor`).
        """
        span = self.span
        if not span.id_int:
            return ",".join(span.entry.tracestate)
        row = span.numbering() if span.kind not in CALL_KINDS else None
        number = next_number(row) if row is not None else 0
        # At the limit of depth the path is one too deep on purpose: the callee begins anew.
        path = span.span_id if span.kind in CALL_KINDS else f"{span.span_id}.{number or 1}"
        return tracestate.write(self._hop(path), span.entry.tracestate)

    def _hop(self, path: str) -> Hop:
        entry = self.span.entry
        config = entry.process.config
        operation = entry.operation if isinstance(entry.operation, str) else entry.operation()
        instance, debug = entry.process.instance, bool(entry.flags & DEBUG)
        return Hop(self.span.id_int, path, entry.weight, config.service, config.zone, instance, operation, debug)

    @property
    def _dict(self) -> dict[str, str]:  # type: ignore[override]
        """The members, as the methods of the base class read them: the span's own path, never a child's."""
        span = self.span
        if not span.id_int:
            return dict(member.partition("=")[::2] for member in span.entry.tracestate)
        members = tracestate.write(self._hop(span.span_id), span.entry.tracestate).split(",")
        return dict(member.partition("=")[::2] for member in members)

    def __len__(self) -> int:
        return bool(self.span.id_int) + len(self.span.entry.tracestate)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy (another process, a deep copy) has no counter, so it is what a stranger's state is.
        return TraceState, (list(self.items()),)


def others(state: TraceState) -> tuple[str, ...]:
    """Other vendors' members, as they came."""
    if type(state) is PathState:
        return state.span.entry.tracestate
    return tuple(f"{key}={value}" for key, value in state.items() if key != MEMBER)


def without_hop(state: TraceState | None) -> TraceState | None:
    """``state`` as an unsampled span sends it on: our member would name a row that is not there."""
    if state is None or MEMBER not in state:
        return state
    return TraceState([(key, value) for key, value in state.items() if key != MEMBER])


def row_of(context: SpanContext | None) -> Span | None:
    """The row of a span of this process, or ``None`` when it has no path of ours."""
    if context is None or context.is_remote:
        return None
    state = context.trace_state
    if type(state) is not PathState:  # isinstance() asks an abstract base class, which costs a microsecond
        return None
    span = state.span
    if not span.id_int:
        span.id_int = context.span_id
    return span if span.id_int == context.span_id else None


def shared_row(context: SpanContext | None) -> Span | None:
    """The row of our own instrumentation that ``context`` is of, if it is of one."""
    state = context.trace_state if context is not None else None
    return state.span if type(state) is PathState and state.shared else None


def hop_of(context: SpanContext) -> Hop | None:
    """What the sender's row told, when it is about the sender itself; stale members count for nothing."""
    hop = tracestate.parse_hop(context.trace_state.get(MEMBER, ""))
    return hop if hop is not None and hop.id == context.span_id else None
