"""Find within one trace: words over names, places, tags and annotations of every call.

Words are joined by "or"; ``-word`` takes out what it meets; ``"two words"`` is one word. A word is met
anywhere in a text; ``key=value`` only by a tag, an annotation or a field with exactly that value.
Upper and lower case are the same.
"""

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Final, NamedTuple

from hopline.model import Row
from hopline_query.tree.node import Node, Tree

_WORD: Final = re.compile(r'(-?)(?:"([^"]*)"|((?:"[^"]*"|\S)+))')

FIELDS: Final = ("name", "kind", "peer", "instance", "error_type", "uid", "version", "zone")
"""Fields of a row that ``key=value`` may name, beside ``service``, ``caller``, ``span``, tags and annotations."""

_fields: Final[Callable[[Row], tuple[str | None, ...]]] = attrgetter(*FIELDS)


class Word(NamedTuple):
    """One word of a find box, ready to be looked for in :func:`said`."""

    value: str
    without: bool


def words(text: str) -> list[Word]:
    """The words of a find box; an empty one has none."""
    found = []
    for minus, quoted, plain in _WORD.findall(text):
        value = (quoted or plain.replace('"', "")).casefold()
        exact = not quoted and "=" in value.strip("=")
        if value:
            found.append(Word(f"\n{value}\n" if exact else value, minus == "-"))
    return found


def find(texts: list[str], text: str) -> list[int]:
    """Positions in ``texts``, of :func:`said`, of the calls that ``text`` means; none for a text without words."""
    asked = words(text)
    if not asked:
        return []
    wanted = [word.value for word in asked if not word.without]
    met = [[at for at, each in enumerate(texts) if value in each] for value in wanted] or [list(range(len(texts)))]
    found = met[0] if len(met) == 1 else sorted({at for hits in met for at in hits})
    for word in asked:
        if word.without:
            found = [at for at in found if word.value not in texts[at]]
    return found


def texts(tree: Tree) -> list[str]:
    """What each node of the tree says, in pre-order; kept with the tree, for a word is typed letter by letter."""
    if len(tree.texts) != len(tree.nodes):
        places: dict[tuple[str | None, ...], str] = {}
        tree.texts[:] = [_said(node, places) for node in tree.nodes]
    return tree.texts


def said(node: Node) -> str:
    """All that a call says of itself, in lower case: a line ``key=value`` each."""
    return _said(node, {})


def _said(node: Node, places: dict[tuple[str | None, ...], str]) -> str:
    lines = ["", f"span={node.span_id}"]
    if node.error:
        lines.append("error")
    for row in node.rows:
        lines.append(_place(row, "service" if row is node.inner else "caller", places))
        if row.tags:
            lines.extend(map("=".join, row.tags.items()))
        if row.attrs:
            lines.extend(map("=".join, row.attrs.items()))
        if row.annotations:
            lines.extend(f"{key}={value}" for _, key, value in row.annotations)
        if row.error_text:
            lines.append(row.error_text)
    lines.append("")
    return "\n".join(lines).casefold()


def _place(row: Row, service: str, places: dict[tuple[str | None, ...], str]) -> str:
    """The lines of a row's fields: few places are those of many rows, so ``places`` keeps them.

    ``service`` is what the row's own service is to the call: its caller's side reports too.
    """
    values = _fields(row)
    known = places.get((service, row.service, *values))
    if known is None:
        lines = [f"{service}={row.service}"]
        lines.extend(f"{name}={value}" for name, value in zip(FIELDS, values, strict=True) if value)
        known = places[service, row.service, *values] = "\n".join(lines)
    return known
