"""Which ports are free, and who holds one that is not."""

import contextlib
import errno
import socket
from pathlib import Path

_LISTEN = "0A"
"""The state of a listening socket in ``/proc/net/tcp``."""


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """`count` different ports that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on `host` and `port` now. Raises `OSError` when it could never: no such address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As uvicorn does, so that connections in TIME_WAIT do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def next_free(host: str, port: int, tries: int = 100) -> int:
    """The first free port from `port` upwards; raises `OSError` after `tries`."""
    for candidate in range(port, min(port + tries, 65_536)):
        if is_free(host, candidate):
            return candidate
    raise OSError(f"no free port from {port} to {port + tries - 1} on {host}")


def holder(port: int) -> int | None:
    """Process id of the listener on `port`, where the system lets us see it (Linux)."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                if _inode(entry) in inodes:
                    return int(folder.parent.name)
    return None


def _inode(entry: Path) -> str:
    try:
        target = str(entry.readlink())
    except OSError:
        return ""
    return target[8:-1] if target.startswith("socket:[") else ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found
