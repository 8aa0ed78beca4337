"""What the collector writes beside a row that it corrected (docs/inputs.md), and what of it a united row keeps."""

from collections.abc import Sequence

from hopline.model import Row

CUT, EMPTY, KEPT = "hopline.cut", "empty_text", "annotations_kept"
MOVED, BAD_DURATION, NULL_TAG = "time_moved", "bad_duration", "null_tag"
SOURCE_START, SOURCE_DURATION = "source.start_us", "source.duration_us"


def marks_of(row: Row) -> list[str]:
    """What the collector corrected in the row or cut from it. Only beside its mark is a ``source.*`` tag our own."""
    return [mark for mark in row.tags.get(CUT, "").split(",") if mark]


def has_start(row: Row) -> bool:
    """Whether the row's start is one that its sender told: neither moved nor made up."""
    return row.start_us > 0 and MOVED not in marks_of(row)


def settled_tags(copies: Sequence[Row], tags: dict[str, str]) -> dict[str, str]:
    """The ``tags`` of united copies without the marks of what another copy told right."""
    if not any(CUT in row.tags for row in copies):
        return tags
    marks = {mark: None for row in copies for mark in marks_of(row)}
    gone: set[str] = set()
    if MOVED in marks and any(map(has_start, copies)):
        gone |= {SOURCE_START, MOVED, KEPT}
    if any(row.name and EMPTY not in marks_of(row) for row in copies):
        gone.add(EMPTY)
    finished = [row for row in copies if row.duration_us is not None]
    if BAD_DURATION in marks and any(BAD_DURATION not in marks_of(row) for row in finished):
        gone |= {SOURCE_DURATION, BAD_DURATION}
    left = ",".join(mark for mark in marks if mark not in gone)
    kept = {key: value for key, value in tags.items() if key not in gone and key != CUT}
    return kept | ({CUT: left} if left else {})
