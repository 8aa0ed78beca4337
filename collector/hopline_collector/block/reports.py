"""Bring what a process reports of itself within what the store can hold."""

from typing import Final

from hopline_collector.block import limits
from hopline_collector.formats.decoded import Report

_MOST: Final = 2**63 - 1


def fit_report(report: Report) -> Report:
    """The same counters with texts clean and short, and numbers of 0 to 2^63 - 1."""
    process = {_short(name): _short(text) for name, text in list(report.process.items())[: limits.TAGS_MAX]}
    dropped = {_short(reason): _count(number) for reason, number in list(report.dropped.items())[: limits.TAGS_MAX]}
    at_us, recorded, sent = _count(report.at_us), _count(report.recorded), _count(report.sent)
    return Report(process, at_us, recorded, sent, dropped, _count(report.depth))


def _short(text: str) -> str:
    return limits.cut(limits.clean(text), limits.KEY_BYTES)


def _count(number: int) -> int:
    return min(max(number, 0), _MOST)
