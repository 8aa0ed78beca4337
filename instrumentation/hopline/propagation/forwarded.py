"""Who calls, behind proxies: the ``X-Forwarded-For`` of those that the settings name."""

from collections.abc import Callable
from functools import lru_cache

from hopline.propagation.outbound import is_trusted

HEADER = "x-forwarded-for"


def sender_behind(address: str, proxies: tuple[str, ...], header: Callable[[str], str]) -> str:
    """Address of the caller: ``address``, or where that is one of ``proxies``, the last that those did not add.

    A caller may write anything into the header; each proxy adds at its end whom it was called by, so it is read from
    there. ``header`` gives the value of a header, or an empty text.
    """
    if not is_listed(address, proxies):
        return address
    hops = [hop for hop in (part.strip() for part in header(HEADER).split(",")) if hop]
    for hop in reversed(hops):
        address = hop
        if not is_listed(hop, proxies):
            break
    return address


@lru_cache(maxsize=1_024)
def is_listed(address: str, rules: tuple[str, ...]) -> bool:
    """Whether ``address`` is one of ``rules``, as of trusted hosts; one of version 6 comes without brackets."""
    import ipaddress

    address = address.partition("%")[0]
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return is_trusted(address, rules)
    return is_trusted(f"[{address}]" if ":" in address else address, rules)
