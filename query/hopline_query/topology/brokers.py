"""Far ends by the names that spans give them, where the map knows them by another.

A message's edge leads to its topic, a query's to its database. Zipkin's spans name the broker or
the server instead, and its answers do: both names of a span are kept side by side.
"""

from collections.abc import Iterable

import msgspec

from hopline.model import Row
from hopline_query.store.port import Edge

REMOTE_TAG = "zipkin.remote_service"
"""Tag with the far end's own name, where peer and caller hold another."""

REMOTE_ATTR = "zipkin.remote"
"""Attr with the far end as it was sent, in JSON, where our fields do not tell it."""

STORES = frozenset({"db", "mq", "cache"})

Known = dict[tuple[str, str, str], str]
"""Service, kind, and node without its kind -> the name that the spans give to it; empty where they give none."""


class _Endpoint(msgspec.Struct):
    service: str = msgspec.field(default="", name="serviceName")


def spoken(row: Row) -> tuple[str, str, str, str, str]:
    """Service, name, kind, node and remote name of a row, as the view ``span_names_view`` tells them."""
    node = row.peer if row.kind in {"producer", "consumer"} or row.peer_kind in STORES else ""
    return (row.service, row.name, row.kind, node, remote_name(row))


def remote_name(row: Row) -> str:
    """The far end by the name that the span itself gave it."""
    if REMOTE_TAG in row.tags:
        return row.tags[REMOTE_TAG]
    if REMOTE_ATTR in row.attrs:
        try:
            return msgspec.json.decode(row.attrs[REMOTE_ATTR], type=_Endpoint).service
        except msgspec.MsgspecError:
            return ""
    if row.kind == "server":
        return row.caller_service
    return row.peer if row.peer_kind else ""


def known_names(found: Iterable[tuple[str, ...]]) -> Known:
    """What spans call the nodes of the map: of ``(service, kind, node, remote)``, the first name in order."""
    known: Known = {}
    for service, kind, node, remote in sorted(found):
        if node and not known.get((service, kind, node)):
            known[service, kind, node] = remote
    return known


def called(edge: Edge, known: Known) -> tuple[str, str]:
    """Caller and callee of an edge, nodes by the names that spans give to them; an end without a name is empty."""
    caller, callee = _bare(edge.caller), _bare(edge.callee)
    if edge.side == "consumer":
        return known.get((edge.callee, "consumer", caller), caller), callee
    return caller, known.get((edge.caller, edge.side, callee), callee)


def _bare(node: str) -> str:
    kind, _, name = node.partition(":")
    return name if name and kind in STORES | {"external"} else node
