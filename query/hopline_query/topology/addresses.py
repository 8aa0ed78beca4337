"""Addresses become service names through what answered calls taught (D1).

A call that nobody answered knows an address alone. Others to the same address were
answered by a service that named itself; where all of them name the same one, the
address is that service. An address behind which several services answer stays what it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from hopline.model import Row
from hopline_query.store.port import RECEIVED, Edge

PORTS = {"http": 80, "https": 443}


class Taught(NamedTuple):
    """How an answered call spoke of its far end."""

    host: str
    url: str
    """``scheme://host:port``, empty where the protocol has none."""
    service: str


def host_of(address: str) -> str:
    """The host of ``host:port``, ``[v6]:port`` or a bare host."""
    host, _, port = address.rpartition(":")
    return (host if host and port.isdigit() else address).strip("[]")


def is_address(name: str) -> bool:
    """Whether a far end was told as an address: services' names have neither dots with a port nor a port."""
    return name == "localhost" or "." in name or name.rpartition(":")[2].isdigit()


def names(addresses: Iterable[str], taught: Iterable[Taught]) -> dict[str, str]:
    """Address -> service, for those behind which one service alone answered."""
    known: dict[str, set[str]] = {}
    for one in taught:
        for address in _spellings(one):
            known.setdefault(address, set()).add(one.service)
    found = {}
    for address in addresses:
        services = known.get(address) or known.get(_any_port(host_of(address)), set())
        if len(services) == 1:
            found[address] = next(iter(services))
    return found


def named_edges(edges: Iterable[Edge], found: Mapping[str, str]) -> list[Edge]:
    """The edges, with the callee's name where its caller knew an address."""
    return [
        replace(edge, callee=found[edge.callee]) if edge.side not in RECEIVED and edge.callee in found else edge
        for edge in edges
    ]


def named_rows(rows: Iterable[Row], found: Mapping[str, str]) -> list[Row]:
    """The same of rows."""
    return [
        replace(row, peer=found[row.peer], peer_kind="service") if unnamed(row) and row.peer in found else row
        for row in rows
    ]


def unnamed(row: Row) -> bool:
    """Whether the row is a call whose far end never named itself."""
    return row.kind == "client" and not row.peer_kind and is_address(row.peer)


def _spellings(one: Taught) -> list[str]:
    """Addresses as other calls to the same place tell them."""
    if not one.url:
        return [_any_port(one.host)]
    try:
        parts = urlsplit(one.url)
        host, port = parts.hostname or one.host, parts.port
    except ValueError:
        return []
    usual = PORTS.get(parts.scheme)
    written = [f"{host}:{port or usual}", f"[{host}]:{port or usual}"]
    return [*written, host] if port in {None, usual} else written


def _any_port(host: str) -> str:
    """A key for protocols that tell no port; no address looks like it."""
    return f"{host}:*"
