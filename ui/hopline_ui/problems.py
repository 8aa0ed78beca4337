"""Errors of the query service in the reader's language.

The service speaks English. A message is known by its form; what it quotes is put into the
catalogue's text as ``{a}``, ``{b}``. A form that nobody translated is shown as it came.
"""

import re
from typing import Final

from hopline_query.errors import QueryError
from hopline_ui.i18n import Catalogue

FORMS: Final = tuple(
    (re.compile(form, re.DOTALL), key)
    for form, key in (
        (r"expected microseconds, RFC 3339 or now-15m, not (?P<a>.+)", "time"),
        (r"the time lies outside the years 1970 to 2105", "time_far"),
        (r"the range ends before it begins", "range_turned"),
        (r"the range is longer than (?P<a>.+) days", "range_long"),
        (r"expected a duration such as 250ms(?:, not (?P<a>.+))?", "duration"),
        (r"the duration is too long", "duration_long"),
        (r"expected a number of at least (?P<a>\d+), not (?P<b>.+)", "number"),
        (r"expected one of (?P<a>.+), not (?P<b>.+?)", "choice"),
        (r"expected true or false, not (?P<a>.+)", "flag"),
        (r"a filter has at most (?P<a>\d+) characters", "filter_long"),
        (r"a filter has at most (?P<a>\d+) terms", "filter_terms"),
        (r"did not expect (?P<a>.+) here", "filter_unexpected"),
        (r"the filter is nested too deep", "filter_deep"),
        (r"expected '\)'", "filter_paren"),
        (r"expected a key", "filter_key"),
        (r"expected a value after (?P<a>.+): quote a value that holds signs, .+", "filter_value_quoted"),
        (r"expected a value after (?P<a>.+)", "filter_value"),
        (r"did not expect (?P<a>.+) right after the value: quote a value that holds signs, .+", "filter_quote"),
        (r"the quote is not closed", "quote_open"),
        (r"the query is nested too deep", "query_deep"),
        (r"a query has at most (?P<a>\d+) characters", "query_long"),
        (r"a query has at most (?P<a>\d+) braces", "query_braces"),
        (r"a search takes no stage: ask /query", "query_stage"),
        (r"expected (?P<a>'.+'|\".+\")", "query_sign"),
        (r"expected a list of \[kind, service, key, op, value\]", "terms"),
        (r"no term of a finding: (?P<a>.+)", "term"),
        (r"at most (?P<a>\d+) terms", "terms_many"),
        (r"(?P<a>.+) is blank", "blank"),
        (r"not a regular expression of RE2", "filter_regex"),
        (r"not a cursor of ours", "cursor"),
        (r"the cursor belongs to another order", "cursor_order"),
        (r"the question (?:took|would take) too long: try a smaller range", "timeout"),
        (r"the question needs too much memory: try a smaller range", "memory"),
        (r"the store does not answer", "store_away"),
        (r"the (?:tables are|database is) not there yet: .+", "store_empty"),
        (r"too many questions at once: try again in a moment", "too_many"),
        (r"not a trace id, traceparent, b3 value or trace URL", "trace_id"),
        (r"expected the key of a tag, not (?P<a>.+)", "tag_key"),
        (r"no service (?P<a>.+) was seen", "service_unknown"),
        (r"this trace has no such span", "span_unknown"),
        (r"no other trace of this operation is there to compare with", "no_typical"),
    )
)
"""Forms of messages, and the catalogue's key of each after ``error.``."""


def told(error: QueryError, words: Catalogue) -> str:
    """The error's message in the catalogue's language."""
    for form, key in FORMS:
        found = form.fullmatch(error.message)
        if found:
            quoted = {name: text or "" for name, text in found.groupdict("").items()}
            return words.t(f"error.{key}", **{"a": "", "b": "", **quoted}).strip()
    return error.message
