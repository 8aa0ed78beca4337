"""Ports for servers that a test stops and starts again, and for addresses where nobody may answer."""

import random
import socket

from hopline_deploy.ports import is_free


def lasting_ports(count: int) -> list[int]:
    """Ports that are the caller's until this process ends.

    Of those that the system gives to nobody by itself: what asks for any port, and a try to reach a server that is
    away, sits on none of them. Other runs of tests beside this one ask here too, and get others.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(16_000, 32_000)
        if is_free("127.0.0.1", port) and _claim(port):
            found.append(port)
    return found


def _claim(port: int) -> bool:
    """Take the port's name among all processes of this machine; it is given back when this one ends."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0hopline-tests-port-{port}")
    except OSError:
        claim.close()
        return False
    claim.detach()
    return True
