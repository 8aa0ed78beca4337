"""Parameters as they stand in a URL, turned into questions; one reading for API and pages."""

import base64
import binascii
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from hopline_collector.block.limits import NEWEST_US, stored_text
from hopline_query.errors import BadRequestError
from hopline_query.search.aliases import throughout
from hopline_query.search.filter import And, Expression, Term, parse_filter
from hopline_query.store.planner import kept
from hopline_query.store.port import GROUPS, HISTORY_US, ORDERS, VIEWS, FiguresQuery, Scope, SearchQuery
from hopline_query.units import parse_duration, parse_time

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
STEPS = {"10s": 10_000_000, "1m": MINUTE_US, "5m": 5 * MINUTE_US, "1h": HOUR_US}
"""Steps of a series, and their lengths."""

NAMES = frozenset({"uid", "service", "operation", "caller", "callee", "instance", "error_type", "env"})
"""Parameters that name something stored."""

_COLUMN_OF = {"operation": "name", "caller": "peer", "callee": "peer"}
"""Where a parameter of :data:`NAMES` is not called like a column that holds such names."""

AHEAD_US = NEWEST_US
"""How far ahead of its arrival a row may be dated: by so much a clock may be fast."""

MOST_POINTS = 1_000
"""Points of one series."""


@dataclass(frozen=True, slots=True)
class QuerySettings:
    """Limits and defaults of the answers."""

    search_range_us: int = HOUR_US
    """Default range of a search."""
    figures_range_us: int = 15 * MINUTE_US
    """Default range of figures and map."""
    longest_search_us: int = 7 * DAY_US
    """Widest range of a search."""
    retention_us: int = 7 * DAY_US
    """How long traces are kept: what a 404 tells, and the range of a user's page."""
    figures_retention_us: int = 90 * DAY_US
    """How long figures by the minute and the hour are kept."""
    trace_rows: int = 100_000
    """Rows of one tree."""
    strict_trace_ids: bool = True
    """False: the collector stores traces under the last 64 bits of their ids."""
    apdex_t_us: int = 500_000
    skew_cap_us: int = 5_000_000
    limit: int = 20
    most: int = 1_000


class Params:
    """One request's parameters. Empty values count as absent; every complaint names its field."""

    def __init__(self, values: Mapping[str, str], now_us: int, settings: QuerySettings) -> None:
        self._values = values
        self.now_us = now_us
        self.settings = settings

    def overlaid(self, values: Mapping[str, str]) -> "Params":
        """The same with some values replaced."""
        return Params({**dict(self._values), **values}, self.now_us, self.settings)

    def instead(self, values: Mapping[str, str]) -> "Params":
        """Other values, with the same clock and limits."""
        return Params(values, self.now_us, self.settings)

    def names(self) -> Collection[str]:
        """The parameters that were given."""
        return self._values.keys()

    def text(self, name: str, default: str = "") -> str:
        """The value without blanks around it; a name as names are stored. Blanks alone are no name."""
        given = str(self._values.get(name) or "")
        value = stored_text(_COLUMN_OF.get(name, name), given) if name in NAMES else given.strip()
        if given and not value and name in NAMES:
            raise BadRequestError(f"{name} is blank", field=name, column=1)
        return value or default

    def flag(self, name: str) -> bool:
        """True for 1, true, yes, on."""
        value = self.text(name).lower()
        if value and value not in TRUE | FALSE:
            raise BadRequestError(f"expected true or false, not {value!r}", field=name, column=1)
        return value in TRUE

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number; larger than ``most`` is cut to it, smaller than ``least`` is refused."""
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) < least:
            raise BadRequestError(f"expected a number of at least {least}, not {text[:32]!r}", field=name, column=1)
        return min(int(text), most)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of a list of words."""
        value = self.text(name, default)
        if value not in choices:
            raise BadRequestError(f"expected one of {', '.join(choices)}, not {value[:32]!r}", field=name, column=1)
        return value

    def duration(self, name: str) -> int | None:
        """Microseconds, None when absent."""
        text = self.text(name)
        return parse_duration(text, name) if text else None

    def scope(self, default_us: int, longest_us: int = HISTORY_US, *, ahead_us: int = 0) -> Scope:
        """The range (``from``, ``to``), environment and load tests.

        A range that ends now goes on for ``ahead_us``: lists show what a fast clock dated ahead.
        """
        end_text, begin_text = self.text("to", "now"), self.text("from")
        end = parse_time(end_text, self.now_us, "to")
        begin = parse_time(begin_text, self.now_us, "from") if begin_text else max(0, end - default_us)
        if end_text == "now" and begin < end:
            end += ahead_us
        if begin >= end:
            raise BadRequestError("the range ends before it begins", field="from", column=1)
        if min(end, max(self.now_us, begin)) - begin > longest_us:
            days = longest_us / DAY_US
            raise BadRequestError(f"the range is longer than {days:g} days", field="from", column=1)
        load_test = self.choice("load_test", ("", "true", "false", "only"), "")
        settings = self.settings
        held = kept(self.now_us, settings.retention_us, settings.figures_retention_us)
        return Scope(begin, end, self.text("env"), "" if load_test == "false" else load_test, held)

    def search(self) -> SearchQuery:
        """A search for traces (docs/api.md)."""
        return self.search_within(
            self.scope(self.settings.search_range_us, self.settings.longest_search_us, ahead_us=AHEAD_US)
        )

    def search_within(self, scope: Scope) -> SearchQuery:
        """The same, over a range that was read already."""
        order_by = self.choice("order_by", ORDERS, "newest")
        after, as_of = self._cursor(order_by)
        # Entries and calls are counted by rows, and a search finds what is counted.
        by_rows = self.flag("entry") or self.text("caller") or self.text("callee")
        return SearchQuery(
            scope=scope,
            uid=self.text("uid"),
            service=self.text("service"),
            operation=self.text("operation"),
            caller=self.text("caller"),
            callee=self.text("callee"),
            instance=self.text("instance"),
            error_type=self.text("error_type"),
            expression=self._expression(),
            in_parts=not by_rows,
            entry=self.flag("entry"),
            errors=self.flag("errors"),
            unfinished=self.flag("unfinished"),
            min_duration=self.duration("min_duration"),
            max_duration=self.duration("max_duration"),
            min_span_duration=self.duration("min_span_duration"),
            max_span_duration=self.duration("max_span_duration"),
            min_spans=self.number("min_spans", 0, 0, 10**9) or None,
            order_by=order_by,
            limit=self.number("limit", self.settings.limit, 1, self.settings.most),
            after=after,
            as_of_us=as_of,
        )

    def _expression(self) -> Expression | None:
        """The filter, and the version as one more term of it."""
        asked = throughout(parse_filter(self.text("filter")))
        if not (version := self.text("version")):
            return asked
        term = Term("version", "=", version, "version", f"version={version}")
        return And((asked, term)) if asked is not None else term

    def figures(self, group: str = "service", step_us: int = 0) -> FiguresQuery:
        """A question for figures (docs/api.md)."""
        return FiguresQuery(
            scope=self.scope(self.settings.figures_range_us),
            view=self.choice("view", VIEWS, "entry"),
            service=self.text("service"),
            operation=self.text("operation"),
            kind=self.text("kind"),
            group=self.choice("group", tuple(GROUPS), group),
            step_us=step_us,
        )

    def step(self, scope: Scope, points: int = 300) -> int:
        """Length of a series' slots in microseconds: as asked, or about ``points`` of them, whole seconds."""
        width = scope.to_us - scope.from_us
        text = self.text("step")
        if text:
            step = STEPS.get(text) or parse_duration(text, "step")
            if step < STEPS["10s"] or step % STEPS["10s"]:
                raise BadRequestError("a step is a multiple of 10s", field="step", column=1)
            if width / step > MOST_POINTS:
                raise BadRequestError(f"more than {MOST_POINTS} points: take a wider step", field="step", column=1)
            return step
        return step_for(width, points)

    def _cursor(self, order_by: str) -> tuple[tuple[int, str] | None, int]:
        text = self.text("cursor")
        if not text:
            return None, self.now_us
        try:
            order, value, trace_id, as_of = msgspec.json.decode(
                base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=tuple[str, int, str, int]
            )
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            raise BadRequestError("not a cursor of ours", field="cursor", column=1) from None
        if order != order_by:
            raise BadRequestError("the cursor belongs to another order", field="cursor", column=1)
        return (value, trace_id), as_of


def step_for(width_us: int, points: int) -> int:
    """A round slot length in microseconds that cuts a range into at most so many points."""
    nice = (10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
    return next((s * 1_000_000 for s in nice if width_us <= points * s * 1_000_000), 7 * DAY_US)


def cursor(order_by: str, value: int, trace_id: str, as_of_us: int) -> str:
    """The opaque place after a trace, for the next page."""
    packed = msgspec.json.encode((order_by, value, trace_id, as_of_us))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def system_clock() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000
