"""Spans of other tracers on their way in: decoded once, kept in our own wire format.

Taking an OTLP or Zipkin body apart costs ten times what our own format does, so what a
receiver decoded to answer its sender is not decoded again by the hand-over.
"""

from hopline_collector.door.bodies import RefusedError
from hopline_collector.door.intake import Entry, Intake, IntakeAwayError, IntakeFullError, IntakeTooLargeError
from hopline_collector.formats import Decoded, native, weight
from hopline_collector.sources.journal import Batch


def entries(decoded: Decoded, form: str) -> list[Entry]:
    """The rows as wire messages, and each refused span as it came, for the dead letters."""
    found: list[Entry] = [("native", native.message(batch.process, batch.rows)) for batch in decoded.batches]
    return found + [(form, bad.raw) for bad in decoded.refused]


def check_weight(form: str, body: bytes) -> None:
    """Raise :class:`RefusedError` with 413 for a body that would cost more than one may."""
    found = weight.excess(form, body)
    if found is not None:
        raise RefusedError(413, *found)


def answered(intake: Intake, batch_id: str, now: int) -> bytes | None:
    """What a post of this batch id was answered before. Raises :class:`RefusedError` with 503 when nobody can tell."""
    if not batch_id:
        return None
    try:
        return intake.answer_of(batch_id, now)
    except IntakeAwayError as error:
        raise RefusedError(503, "unavailable", str(error), 1) from error


def store(intake: Intake, stored: list[Entry], batch: Batch | None) -> None:
    """Make entries durable. Raises :class:`RefusedError` with 429 or 503 when that cannot be done now."""
    if not stored:
        return
    try:
        intake.accept(stored, batch)
    except IntakeFullError as error:
        raise RefusedError(429, "full", str(error), 5) from error
    except IntakeAwayError as error:
        raise RefusedError(503, "unavailable", str(error), 5) from error
    except IntakeTooLargeError as error:
        raise RefusedError(413, "too_large", str(error)) from error
