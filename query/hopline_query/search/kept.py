"""What rows keep of a text that was sent: long ones are cut, control characters are left out (N12).

Who asks for what a span was sent with finds the span, under what is left of it.
"""

from dataclasses import replace

from hopline_collector.block.limits import ATTR_BYTES, KEY_BYTES, VALUE_BYTES, fit, stored_text
from hopline_query.search.filter import Expression, Or, Term


def kept(term: Term) -> Expression:
    """A term with its key, and the text that it equals, as they are stored.

    A value is asked for as a tag's and as an attr's, which may be longer; a bare key also as it is, for it may be the
    text of an annotation.
    """
    if term.field:
        return replace(term, value=stored_text(term.field, term.value)) if term.op == "=" else term
    stored = replace(term, key=fit(term.key, KEY_BYTES)[0])
    if term.op == "exists":
        return _either(stored, term)
    if term.op != "=":
        return stored
    tag, attr = (fit(term.value, most)[0] for most in (VALUE_BYTES, ATTR_BYTES))
    return _either(replace(stored, value=tag), replace(stored, value=attr))


def _either(one: Term, other: Term) -> Expression:
    return one if one == other else Or((one, other))
