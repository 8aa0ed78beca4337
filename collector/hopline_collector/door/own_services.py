"""Senders that may send rows of certain services alone: what their token says is held against every post."""

from collections.abc import Sequence

from hopline_collector.block.core import DECODERS
from hopline_collector.block.limits import one_line
from hopline_collector.door.bodies import RefusedError
from hopline_collector.door.intake import Entry, Intake
from hopline_collector.door.sender import PREFIXES
from hopline_collector.formats import DecodeError
from hopline_collector.sources.journal import Batch


class OwnServicesIntake:
    """Takes what `PREFIXES` allows, and nothing of a post that holds a row of another service; see :class:`Intake`."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def accept(self, entries: Sequence[Entry], batch: Batch | None) -> None:
        """As :class:`Intake` does; raises :class:`RefusedError` with 403 for a service that is not the sender's."""
        prefixes = PREFIXES.get()
        if prefixes:
            for form, body in entries:
                _check(form, body, prefixes)
        self._intake.accept(entries, batch)

    def answer_of(self, batch_id: str, now: int) -> bytes | None:
        """See :class:`Intake`."""
        return self._intake.answer_of(batch_id, now)


def _check(form: str, body: bytes, prefixes: tuple[str, ...]) -> None:
    """A message that nobody can read becomes a dead letter, as any sender's does."""
    try:
        decoded = DECODERS[form](body)
    except DecodeError:
        return
    for process in [*(batch.process for batch in decoded.batches), *(report.process for report in decoded.reports)]:
        service = one_line(process.get("service", ""))
        if not service.startswith(prefixes):
            raise RefusedError(403, "forbidden", f"this token may not send rows of service {service[:100]!r}")
