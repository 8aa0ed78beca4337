"""What rows keep of a text that was sent: long ones are cut, control characters are left out (N12).

Who asks for what a span was sent with finds the span, under what is left of it.
"""

from dataclasses import replace

from hopline_collector.block.limits import ATTR_BYTES, VALUE_BYTES, stored_key, stored_text, stored_value
from hopline_query.search.filter import Expression, Or, Term


def kept(term: Term) -> Expression:
    """An equality with the text as it is stored: as a tag, and as an attr, which may be longer."""
    if term.op != "=":
        return term
    if term.field:
        return replace(term, value=stored_text(term.field, term.value))
    key = stored_key(term.key)
    values = dict.fromkeys((stored_value(term.value, VALUE_BYTES), stored_value(term.value, ATTR_BYTES)))
    asked = tuple(replace(term, key=key, value=value) for value in values)
    return asked[0] if len(asked) == 1 else Or(asked)
