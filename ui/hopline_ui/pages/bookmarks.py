"""Bookmarked searches of Zipkin's and Jaeger's pages under our names. Pure: parameters in, parameters out."""

import json
import re
from collections.abc import Mapping
from typing import Final

_JAEGER: Final = ("lookback", "start", "end", "minDuration", "maxDuration", "traceID")
"""Parameters of Jaeger's search that ours does not have."""
_SAME: Final = {
    "serviceName": "service",
    "service": "service",
    "spanName": "operation",
    "operation": "operation",
    "remoteServiceName": "callee",
    "annotationQuery": "filter",
    "minDuration": "min_span_duration",
    "maxDuration": "max_span_duration",
    "limit": "limit",
}
_ANY: Final = frozenset({"", "all"})
"""What both write for no choice of an operation."""
_PLAIN: Final = re.compile(r"(?!(?:and|or|not)$)[\w.:/-]+", re.IGNORECASE)
"""What needs no quotes in a filter."""
_AGO: Final = re.compile(r"[1-9][0-9]{0,5}[smhdw]")
_MILLISECONDS: Final = 1_000
_HOUR_MS: Final = 3_600_000


def is_jaeger(asked: Mapping[str, str]) -> bool:
    """Whether a search has parameters that only Jaeger's page writes."""
    # Ours too has `tags`: columns of the table.
    return any(name in asked for name in _JAEGER) or asked.get("tags", "").startswith("{")


def from_zipkin(asked: Mapping[str, str]) -> dict[str, str]:
    """``/zipkin/?serviceName=&annotationQuery=&lookback=15m&endTs=``, which has times in milliseconds."""
    found = _named(asked)
    if annotations := found.get("filter"):
        found["filter"] = _annotations(annotations)
    return found | range_of_zipkin(asked)


def range_of_zipkin(asked: Mapping[str, str]) -> dict[str, str]:
    """``startTs``, ``endTs`` and ``lookback`` of Zipkin's pages; empty where none of them is given."""
    end, begin = _number(asked, "endTs"), _number(asked, "startTs")
    lookback = asked.get("lookback", "")
    if end:
        width = _number(asked, "lookback") or _width_ms(lookback) or _HOUR_MS
        return {"from": str((begin or max(0, end - width)) * _MILLISECONDS), "to": str(end * _MILLISECONDS)}
    if _AGO.fullmatch(lookback):
        return {"from": f"now-{lookback}"}
    width = _number(asked, "lookback")
    return {"from": f"now-{width // 1_000}s"} if width else {}


def from_jaeger(asked: Mapping[str, str]) -> dict[str, str]:
    """``/search?service=&lookback=1h&start=&end=&tags={...}``: times in microseconds."""
    found = _named(asked)
    begin, end = _number(asked, "start"), _number(asked, "end")
    if begin and end:
        found |= {"from": str(begin), "to": str(end)}
    elif _AGO.fullmatch(asked.get("lookback", "")):
        found["from"] = f"now-{asked['lookback']}"
    tags = _tags(asked.get("tags", ""))
    if tags:
        found["filter"] = tags
    return found


def _named(asked: Mapping[str, str]) -> dict[str, str]:
    """The parameters that mean the same under another name."""
    return {ours: value for theirs, ours in _SAME.items() if (value := asked.get(theirs, "").strip()) not in _ANY}


def _annotations(text: str) -> str:
    """Zipkin's ``key=value and word`` as a filter: a value goes up to the next `` and ``, signs and blanks included."""
    parts = [part.strip().partition("=") for part in text.split(" and ") if part.strip()]
    return " AND ".join(f"{_word(key)}={_word(value)}" if sign else _word(key) for key, sign, value in parts)


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _tags(text: str) -> str:
    """Jaeger's ``{"key": "value"}`` or its logfmt as a filter."""
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError):
        return text  # logfmt is a filter as it is
    if not isinstance(pairs, dict):
        return text
    return " AND ".join(f"{_quoted(str(key))}={_quoted(str(value))}" for key, value in pairs.items())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else 0


def _width_ms(lookback: str) -> int:
    """``15m`` in milliseconds, 0 of anything else."""
    if not _AGO.fullmatch(lookback):
        return 0
    seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[lookback[-1]]
    return int(lookback[:-1]) * seconds * 1_000
