"""Find within one trace: words over names, places, tags and annotations of every call.

Words are joined by "or"; ``-word`` takes out what it meets; ``"two words"`` is one word. A word is met
anywhere in a text; ``key=value`` only by a tag, an annotation or a field with exactly that value.
Upper and lower case are the same.
"""

import re
from typing import Final, NamedTuple

from hopline.model import Row
from hopline_query.tree.node import Node, Tree

_WORD: Final = re.compile(r'(-?)(?:"([^"]*)"|((?:"[^"]*"|\S)+))')

FIELDS: Final = ("name", "kind", "peer", "instance", "error_type", "uid", "version", "zone")
"""Fields of a row that ``key=value`` may name, beside ``service``, ``caller``, ``span``, tags and annotations."""


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
    wanted = [word.value for word in asked if not word.without]
    unwanted = [word.value for word in asked if word.without]
    if not asked:
        return []
    return [at for at, each in enumerate(texts) if _meets(each, wanted, unwanted)]


def _meets(text: str, wanted: list[str], unwanted: list[str]) -> bool:
    if wanted and not any(value in text for value in wanted):
        return False
    return not any(value in text for value in unwanted)


def texts(tree: Tree) -> list[str]:
    """What each node of the tree says, in pre-order; kept with the tree, for a word is typed letter by letter."""
    if len(tree.texts) != len(tree.nodes):
        tree.texts[:] = map(said, tree.nodes)
    return tree.texts


def said(node: Node) -> str:
    """All that a call says of itself, in lower case: a line ``key=value`` each."""
    lines = ["", f"span={node.span_id}"]
    if node.error:
        lines.append("error")
    for row in node.rows:
        lines.extend(_lines(row, "service" if row is node.inner else "caller"))
    lines.append("")
    return "\n".join(lines).casefold()


def _lines(row: Row, service: str) -> list[str]:
    """``service`` is what the row's own service is to the call: its caller's side reports too."""
    lines = [f"{service}={row.service}"]
    lines.extend(f"{name}={value}" for name in FIELDS if (value := getattr(row, name)))
    lines.extend(f"{key}={value}" for key, value in row.tags.items())
    lines.extend(f"{key}={value}" for key, value in row.attrs.items())
    lines.extend(f"{key}={value}" for _, key, value in row.annotations)
    lines.append(row.error_text)
    return lines
