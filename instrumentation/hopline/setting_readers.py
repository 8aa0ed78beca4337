"""How the settings of one kind each are read: endpoint, rates, topic, token, clock."""

import re
from collections.abc import Callable
from typing import Any

from hopline.errors import SettingError
from hopline.setting import Setting, read_text, read_words


def read_endpoint(value: Any) -> str:
    """An endpoint that a transport can be made of.

    Raises:
        SettingError: it is none; the message says which there are.

    """
    text = read_text(value)
    scheme, _, rest = text.partition(":")
    addresses = rest.removeprefix("//").partition("/")[0].rpartition("@")[2]
    if scheme not in {"memory", "none"}:
        many = addresses.split(",") if scheme == "kafka" else [addresses]
        if scheme not in {"http", "https", "kafka"} or not rest.startswith("//") or not all(map(_is_address, many)):
            raise SettingError(
                f"{bare_endpoint(text)!r} is none: use kafka://host:port, http://host:port, memory: or none:"
            )
    return text


def _is_address(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, "1"
    named = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    plain = bool(named) and not any(char in named for char in " []@?#\\") and (":" not in named or named != host)
    return plain and port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535


def bare_endpoint(endpoint: str) -> str:
    """``endpoint`` without user name and password."""
    scheme, separator, rest = endpoint.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def read_rate(value: Any) -> float:
    """A share of traces that a weight can express.

    Raises:
        SettingError: it is none.

    """
    rate: float = Setting(1.0, "", high=1).read(value)
    if rate and rate < 0.0001:
        raise SettingError(f"{rate:g} is too small: use 0, or 0.0001 to 1")
    return rate


def read_rates(value: Any) -> tuple[str, ...]:
    """``operation=rate`` texts.

    Raises:
        SettingError: one is of another form.

    """
    rules = read_words(value)
    for rule in rules:
        name, equals, rate = rule.rpartition("=")
        if not name or not equals:
            raise SettingError(f"{rule!r} is not of the form name=rate")
        read_rate(rate)
    return rules


def read_accepting(value: Any) -> bool | str:
    """True, false, or ``trusted``.

    Raises:
        SettingError: it is something else.

    """
    if isinstance(value, str) and value.strip().lower() == "trusted":
        return "trusted"
    accepting: bool = Setting(True, "").read(value)
    return accepting


def read_hosts(value: Any) -> tuple[str, ...]:
    """Words, names, suffixes, addresses and networks, as :func:`hopline.propagation.outbound.is_trusted` compares them.

    Raises:
        SettingError: a network is none.

    """
    rules = tuple(
        rule.lower().removeprefix("*") if rule.startswith("*.") else rule.lower() for rule in read_words(value)
    )
    for rule in rules:
        if "/" in rule:
            import ipaddress

            try:
                ipaddress.ip_network(rule, strict=False)
            except ValueError:
                raise SettingError(f"{rule[:80]!r} is no network") from None
    return rules


def read_token(value: Any) -> str:
    """What may stand in a header behind ``Bearer``.

    Raises:
        SettingError: it may not; the message does not tell it.

    """
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise SettingError("it must be printable ASCII")
    return value


def read_topic(value: Any) -> str:
    """A name that Kafka takes for a topic.

    Raises:
        SettingError: it does not.

    """
    topic = read_text(value)
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic):
        raise SettingError(f"{topic[:80]!r} is no name of a topic")
    return topic


def read_clock(value: Any) -> Callable[[], int] | None:
    """A function that gives whole nanoseconds, or none.

    Raises:
        SettingError: it gives something else.

    """
    if value is not None and (not callable(value) or type(value()) is not int):
        raise SettingError("it is no function that gives whole nanoseconds")
    clock: Callable[[], int] | None = value
    return clock
