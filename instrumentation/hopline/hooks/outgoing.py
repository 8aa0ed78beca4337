"""Headers of an outgoing call, for hooks of any protocol."""

from hopline.context import current
from hopline.noop import NOOP
from hopline.propagation import outbound
from hopline.spans import Span


def headers(span: Span, host: str | None = None) -> list[tuple[str, str]]:
    """Headers that the call of ``span`` carries; empty outside any trace.

    The no-op stands for a call inside another call, which carries that call's
    headers, or for a call of an unsampled trace, which carries its ids. Baggage
    goes only to a trusted ``host``.
    """
    carrier = current.get() if span is NOOP else span
    return [] if carrier is None or carrier is NOOP else outbound.headers(carrier, host)
