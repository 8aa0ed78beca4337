"""Posts whose rows keep their times, however old: what an import sends (C5).

A post says so in a header. The mark becomes a fact of each stored message, so that the
hand-over makes the same block of it on every try, from the journal and from Kafka.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request

from hopline_collector.block import limits
from hopline_collector.block.reports import fit_report
from hopline_collector.door.bodies import RefusedError
from hopline_collector.door.intake import Entry, Intake
from hopline_collector.formats import Decoded, native
from hopline_collector.formats.decoded import KEPT_FACT, Report
from hopline_collector.sources.journal import Batch

HEADER: Final = "hopline-keep-times"

_COUNTERS: Final = ("at_us", "recorded", "sent", "dropped", "depth")


def chosen(intake: Intake, request: Request) -> Intake:
    """``intake``, or one that marks what it stores, as the request's header wishes.

    Raises :class:`RefusedError` for a header that says neither yes nor no.
    """
    wish = request.headers.get(HEADER, "0")
    if wish not in {"0", "1"}:
        raise RefusedError(400, "bad_keep_times", f"{HEADER} is 0 or 1")
    return KeptIntake(intake) if wish == "1" else intake


class KeptIntake:
    """Stores rows of our wire under the mark; see :class:`Intake`."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def accept(self, entries: Sequence[Entry], batch: Batch | None) -> None:
        """As :class:`Intake` does; raises :class:`RefusedError` for rows of too many days."""
        self._intake.accept([message for form, body in entries for message in marked(form, body)], batch)

    def answer_of(self, batch_id: str, now: int) -> bytes | None:
        """See :class:`Intake`."""
        return self._intake.answer_of(batch_id, now)


def marked(form: str, body: bytes) -> list[Entry]:
    """The rows of an entry as wire messages with the mark; what was refused, and counters, without.

    Raises :class:`RefusedError` for rows of too many days.
    """
    if form != "native":
        return [(form, body)]
    decoded = native.decode(body)
    _check_days(decoded)
    found = [native.message({**batch.process, KEPT_FACT: "1"}, batch.rows) for batch in decoded.batches]
    found += [bad.raw for bad in decoded.refused]
    found += [_report_message(report) for report in decoded.reports]
    return [("native", message) for message in found]


def _check_days(decoded: Decoded) -> None:
    days = {row.start_us // limits.DAY_US for batch in decoded.batches for row in batch.rows}
    if len(days) > limits.KEPT_DAYS:
        detail = f"rows of {len(days)} days in one post that keeps its times: at most {limits.KEPT_DAYS}"
        raise RefusedError(400, "too_many_days", detail)


def _report_message(report: Report) -> bytes:
    fitted = fit_report(report)
    counters: dict[str, Any] = {name: getattr(fitted, name) for name in _COUNTERS}
    return msgspec.msgpack.encode([native.VERSION, fitted.process, [], counters])
