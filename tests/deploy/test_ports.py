"""Which ports are free, and who holds the others."""

import os
import socket

from hopline_deploy.ports import free_ports, holder, is_free, next_free


def test_ports_know_their_holder() -> None:
    """Section 8: a taken port is told with the holder's pid, and the next free one is found."""
    (port,) = free_ports(1)
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        assert not is_free("127.0.0.1", port)
        assert holder(port) == os.getpid()
        assert next_free("127.0.0.1", port) > port
    assert is_free("127.0.0.1", port)
    assert holder(port) is None
