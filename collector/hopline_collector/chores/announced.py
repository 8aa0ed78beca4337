"""Nothing is deleted by the clock that was not announced an hour before, but by rules that have been in force since.

Rules that changed, and days that go because the disk is full, are noted with the time at which they were first seen:
in a file of the data folder, so that a restart neither forgets a notice nor deletes at once by a changed setting.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from hopline_collector.chores.retention import Expired, RetentionSettings

log = logging.getLogger(__name__)

NOTICE_US: Final = 3_540_000_000
"""How long before it goes something is announced: the hour between two rounds, less a minute in which clocks differ."""

FILE: Final = "retention.json"
"""Its name in the data folder."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What was announced: the rules since when, and partitions that the disk drives out since when."""

    rules: Mapping[str, Any] = field(default_factory=dict)
    since_us: int = 0
    disk: Mapping[str, int] = field(default_factory=dict)
    """Partition -> when it was first announced."""


def announce(known: Announced, settings: RetentionSettings, gone: Sequence[Expired], now_us: int) -> Announced:
    """`known` with what is new; what the disk does not drive out any more is forgotten. Pure."""
    rules = asdict(settings)
    since = known.since_us if dict(known.rules) == rules else now_us
    disk = {part.partition: known.disk.get(part.partition, now_us) for part in gone if part.why == "disk"}
    return Announced(rules, since, disk)


def due(known: Announced, gone: Sequence[Expired], now_us: int) -> list[Expired]:
    """Those of `gone` whose notice is over. Pure."""
    return [
        part
        for part in gone
        if now_us - (known.disk.get(part.partition, now_us) if part.why == "disk" else known.since_us) >= NOTICE_US
    ]


class Notice:
    """The announcements of a data folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unwritten: Announced | None = None

    def due(self, settings: RetentionSettings, gone: Sequence[Expired], now_us: int) -> list[Expired]:
        """Announce `gone`, and give back what was announced long enough ago."""
        before = self._unwritten or self.read()
        after = announce(before, settings, gone, now_us)
        if after != before or self._unwritten:
            self._write(after)
        ready = due(after, gone, now_us)
        waiting = [part for part in gone if part not in ready]
        fresh = after.since_us == now_us or set(after.disk) - set(before.disk)
        if waiting and fresh:
            rows, days = sum(part.rows for part in waiting), len({part.partition for part in waiting})
            log.warning("in an hour %d rows of %d partitions go: hopline retention plan shows which", rows, days)
        return ready

    def read(self) -> Announced:
        """What is on the disk; nothing where the file is missing or is none of ours."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return Announced(
                dict(found["rules"]), int(found["since_us"]), {k: int(v) for k, v in found["disk"].items()}
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Announced()

    def _write(self, announced: Announced) -> None:
        """A disk that takes no note must not keep retention from making room: this process remembers it instead."""
        part = self._path.with_suffix(".part")
        self._unwritten = announced
        try:
            part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(announced)), encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            log.warning("what retention announced could not be noted: %s", error)
        else:
            self._unwritten = None
