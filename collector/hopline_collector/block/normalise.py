"""Bring the columns of a block within the limits.

Every check looks at a whole column first (its distinct values, the joined text, the
smallest and the largest number), so a block of good rows costs next to nothing; only
columns that fail are walked value by value.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, compress
from typing import Any, Final

from hopline.model import KINDS, PEER_KINDS, PROCESS_FIELDS, WEIGHT_MAX, WEIGHT_ONE
from hopline_collector.block import limits
from hopline_collector.block.limits import LIMIT_OF, TEXT_LIMITS, TextLimit, fit, is_clean, is_one_line

Columns = dict[str, list[Any]]

_ROW_TEXTS: Final = tuple(limit for limit in TEXT_LIMITS if limit.column not in PROCESS_FIELDS)
_ID_MAX: Final = 2**64 - 1
TIME_MAX: Final = 2**63 - 1


class Marks:
    """Which rows were cut and why."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, None]] = {}
        self.counts: Counter[str] = Counter()

    def add(self, row: int, reason: str) -> None:
        """Row ``row`` was cut for ``reason``."""
        self.rows.setdefault(row, {})[reason] = None
        self.counts[reason] += 1


@lru_cache(maxsize=4096)
def process_text(column: str, text: str) -> str:
    """A fact of a process within its limit."""
    limit = LIMIT_OF[column]
    return fit(text, limit.max_bytes, lines=limit.lines)[0] or (limits.UNKNOWN if limit.required else "")


def unusable(columns: Columns) -> dict[int, str]:
    """Rows that cannot be stored at all: index -> reason."""
    bad: dict[int, str] = {}
    for row, trace_id in _failing(columns["trace_id"], {16}, len):
        bad[row] = "bad_trace_id" if trace_id is not None else "no_trace_id"
    kinds = set(range(len(KINDS)))
    if not set(columns["kind"]) <= kinds:
        bad |= {row: "bad_kind" for row, kind in enumerate(columns["kind"]) if kind not in kinds}
    for name in ("id", "parent_id"):
        ids = columns[name]
        if ids and (min(ids) < 0 or max(ids) > _ID_MAX):
            bad |= {row: "bad_id" for row, number in enumerate(ids) if not 0 <= number <= _ID_MAX}
    if 0 in columns["id"]:
        pairs = enumerate(zip(columns["id"], columns["span_id"], strict=True))
        bad |= {row: "no_identity" for row, (number, path) in pairs if not number and not path}
    return bad


def _failing(column: Sequence[Any], allowed: set[int], measure: Callable[[Any], int]) -> Iterable[tuple[int, Any]]:
    if set(map(measure, column)) <= allowed:
        return ()
    return [(row, value) for row, value in enumerate(column) if measure(value) not in allowed]


def drop(columns: Columns, rows: Iterable[int]) -> None:
    """Take rows out of every column."""
    gone = set(rows)
    if gone:
        keep = [row not in gone for row in range(len(columns["id"]))]
        for name, column in columns.items():
            columns[name] = list(compress(column, keep))


def derive_ids(columns: Columns) -> None:
    """Give rows that carry a path but no id one of all their fields, so that only exact copies get the same."""
    ids = columns["id"]
    if 0 not in ids:
        return
    names = sorted(columns.keys() - {"id", "message", "index"})
    for row, number in enumerate(ids):
        if not number:
            identity = repr([_ordered(columns[name][row]) for name in names]).encode("utf-8", "replace")
            ids[row] = int.from_bytes(blake2b(identity, digest_size=8).digest(), "big") or 1


def _ordered(value: Any) -> Any:
    return sorted(value.items()) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else value


def fit_texts(columns: Columns, marks: Marks) -> None:
    """Text columns: clean, and within their bytes."""
    for limit in _ROW_TEXTS:
        column = columns[limit.column]
        changed = _misfits(set(column), limit)
        if changed:
            for row, text in enumerate(column):
                if text in changed:
                    fitted, reason = changed[text]
                    column[row] = fitted
                    marks.add(row, reason)
    _fit_paths(columns, marks)
    peer_kinds = columns["peer_kind"]
    if not set(peer_kinds) <= {"", *PEER_KINDS}:
        for row, text in enumerate(peer_kinds):
            if text and text not in PEER_KINDS:
                peer_kinds[row] = ""
                marks.add(row, "bad_peer_kind")


def _fit_paths(columns: Columns, marks: Marks) -> None:
    paths = columns["span_id"]
    distinct = set(paths)
    if _all_fit(distinct, limits.PATH_CHARACTERS):
        return
    for row, path in enumerate(paths):
        if len(path) > limits.PATH_CHARACTERS or not path.isprintable():
            paths[row] = ""
            marks.add(row, "bad_path")


def _misfits(texts: set[str], limit: TextLimit) -> dict[str, tuple[str, str]]:
    """Those of ``texts`` that must change: text -> (fitted, reason)."""
    lines = limit.lines or all(map(is_one_line, texts))
    if lines and _all_fit(texts, limit.max_bytes) and not (limit.required and "" in texts):
        return {}
    found = {}
    for text in texts:
        fitted, reason = fit(text, limit.max_bytes, lines=limit.lines)
        if limit.required and not fitted:
            fitted, reason = limits.UNKNOWN, limits.EMPTY
        if reason:
            found[text] = fitted, reason
    return found


def _all_fit(texts: Iterable[str], max_bytes: int) -> bool:
    """Whether every text is clean and short; may say no where a closer look says yes."""
    joined = "".join(texts)
    if not is_clean(joined):
        return False
    longest = max(map(len, texts), default=0)
    return longest * (1 if joined.isascii() else 4) <= max_bytes


MAP_LIMITS: Final = (("tags", limits.VALUE_BYTES), ("attrs", limits.ATTR_BYTES))
"""Columns that hold maps, and how many bytes a value may have."""


_UNFIT: Final = ("", limits.CUT_TAG)


def maps_fit(maps: list[dict[str, str]], max_bytes: int) -> bool:
    """Whether nothing has to be cut; cheapest while the maps are fresh in the processor's cache."""
    if not maps:
        return True
    values = list(chain.from_iterable(map(dict.values, maps)))
    keys = set().union(*maps)
    if not (_all_fit(values, max_bytes) and _all_fit(keys, limits.KEY_BYTES)):
        return False
    return keys.isdisjoint(_UNFIT) and max(map(len, maps)) <= limits.TAGS_MAX


def fit_maps(columns: Columns, marks: Marks) -> None:
    """Tags and attributes: how many, how long, and clean."""
    for name, max_bytes in MAP_LIMITS:
        maps = columns[name]
        for row, found in enumerate(maps):
            if found:
                maps[row] = _fit_map(found, max_bytes, row, marks)


def _fit_map(found: dict[str, str], max_bytes: int, row: int, marks: Marks) -> dict[str, str]:
    fitted: dict[str, str] = {}
    for key, value in found.items():
        if key == limits.CUT_TAG:
            # What was cut before the row came here: by a decoder, or before an export.
            for reason in limits.REASON.findall(value)[:8]:
                marks.add(row, reason)
            continue
        if len(fitted) == limits.TAGS_MAX:
            marks.add(row, "too_many_tags")
            break
        short_key, key_reason = fit(key, limits.KEY_BYTES)
        short_value, value_reason = fit(value, max_bytes)
        for reason in filter(None, (key_reason, value_reason)):
            marks.add(row, reason)
        if short_key:
            fitted[short_key] = short_value
    return fitted


def fit_annotations(columns: Columns, marks: Marks) -> None:
    """Timed notes: how many, how long, clean, and with a time that fits."""
    column = columns["annotations"]
    if not any(column):
        return
    for row, notes in enumerate(column):
        if not notes:
            continue
        if len(notes) > limits.ANNOTATIONS_MAX:
            marks.add(row, "too_many_annotations")
        fitted = []
        for at, key, value in notes[: limits.ANNOTATIONS_MAX]:
            short_key, key_reason = fit(key, limits.KEY_BYTES)
            short_value, value_reason = fit(value, limits.VALUE_BYTES)
            for reason in filter(None, (key_reason, value_reason)):
                marks.add(row, reason)
            fitted.append((min(max(at, 0), TIME_MAX), short_key, short_value))
        column[row] = fitted


def fit_links(columns: Columns, marks: Marks) -> None:
    """Links: how many, and only those that name a trace; kinds become words."""
    column = columns["links"]
    if not any(column):
        return
    for row, links in enumerate(column):
        if not links:
            continue
        good = [
            (trace_id, number, KINDS[kind] if 0 <= kind < len(KINDS) else KINDS[0])
            for trace_id, number, kind in links[: limits.LINKS_MAX]
            if len(trace_id) == 16 and 0 <= number <= _ID_MAX
        ]
        if len(good) < len(links):
            marks.add(row, "bad_link")
        column[row] = good


def fit_numbers(columns: Columns, marks: Marks) -> None:
    """Weights, durations, children and attempts within their bounds."""
    weights = columns["weight"]
    for row in _outside(weights, WEIGHT_ONE, WEIGHT_MAX):
        weights[row] = WEIGHT_ONE
        marks.add(row, "bad_weight")
    _fit_durations(columns, marks)
    _clamp(columns["children"], limits.CHILDREN_MAX, "bad_children", marks)
    _clamp(columns["attempt"], limits.ATTEMPT_MAX, "bad_attempt", marks)


def _fit_durations(columns: Columns, marks: Marks) -> None:
    durations, tags = columns["duration_us"], columns["tags"]
    for row in _outside(durations, 0, limits.DURATION_MAX_US):
        tags[row] = {**tags[row], limits.SOURCE_DURATION_TAG: decimal(durations[row])}
        durations[row] = min(max(durations[row], 0), limits.DURATION_MAX_US)
        marks.add(row, "bad_duration")


def decimal(number: int) -> str:
    """The number in digits; Python refuses to write those of thousands of digits, which JSON may hold."""
    return str(number) if abs(number) <= _ID_MAX else "beyond 64 bits"


def _clamp(column: list[int], most: int, reason: str, marks: Marks) -> None:
    for row in _outside(column, 0, most):
        column[row] = min(max(column[row], 0), most)
        marks.add(row, reason)


def _outside(column: list[int], least: int, most: int) -> list[int]:
    if not column or (min(column) >= least and max(column) <= most):
        return []
    return [row for row, number in enumerate(column) if not least <= number <= most]


def write_marks(columns: Columns, marks: Marks) -> None:
    """Say on each row what was cut."""
    tags = columns["tags"]
    for row, reasons in marks.rows.items():
        tags[row] = {**tags[row], limits.CUT_TAG: ",".join(reasons)}
