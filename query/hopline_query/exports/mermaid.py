"""A tree as a Mermaid sequence diagram."""

import re

from hopline_query.tree.node import Node, Tree

MOST = 300
"""Calls in one diagram."""

UNSAFE = re.compile(r"[^\w .,/{}()*+=?&|@$-]")


def sequence(tree: Tree) -> str:
    """The calls between services in time order; failed ones end in a cross."""
    names: dict[str, str] = {}
    lines: list[str] = []
    left_out = 0
    for node in tree.nodes:
        call = _call(node)
        if call is None:
            continue
        if len(lines) >= MOST:
            left_out += 1
            continue
        caller, callee, text = call
        start, end = (names.setdefault(name, f"s{len(names)}") for name in (caller, callee))
        lines.append(f"  {start}{'-x' if node.error else '->>'}{end}: {text}")
    head = ["sequenceDiagram", *(f"  participant {alias} as {_plain(name)}" for name, alias in names.items())]
    if left_out:
        lines.append(f"  Note over {next(iter(names.values()))}: {left_out} more calls")
    return "\n".join([*head, *lines]) + "\n"


def _call(node: Node) -> tuple[str, str, str] | None:
    """Caller, callee and text of a node that crosses services; None for local work and placeholders."""
    outer, inner = node.outer, node.inner
    if outer is None or inner is None or inner.kind == "local":
        return None
    if node.called:
        sender = node.sender.inner if node.sender else None
        sent = inner.peer or (sender.peer or sender.service if sender else "")
        called_by = sent if inner.kind == "consumer" and sent else inner.caller_service or "USER"
        caller = outer.service if node.two_sided else called_by
        callee = inner.service
    else:
        caller, callee = outer.service, outer.peer or "unknown"
    took = (node.end - node.start) / 1000
    return caller, callee, f"{_plain(inner.name)} ({took:g} ms)"


def _plain(text: str) -> str:
    """Text that cannot break out of a line of Mermaid."""
    return UNSAFE.sub(" ", text)[:80].strip() or "-"
