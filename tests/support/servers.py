"""Servers of the system's own that hooks are tried against: PostgreSQL, MariaDB, RabbitMQ.

Each runs in a folder of its own, as an account without rights where the tests run as root and it insists on that.
"""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from support.need import require
from support.ports import lasting_ports
from support.process import Child, Children
from support.waiting import wait_until


def program(name: str, package: str) -> str:
    """Where ``name`` is, in Debian's own places too; skips without it, or fails in CI."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join(places))
    require(name, "" if found else f"not installed (apt-get install {package})")
    assert found
    return found


@dataclass(frozen=True)
class Folder:
    """Where a server keeps its data, and the words that run a command as the owner of that folder."""

    path: Path
    as_owner: tuple[str, ...]


@contextlib.contextmanager
def folder(owner: str = "") -> Iterator[Folder]:
    """A folder below the system's temporary one: pytest's own is closed to other accounts."""
    with TemporaryDirectory(prefix="hopline-") as made:
        if not owner or os.geteuid():
            yield Folder(Path(made), ())
            return
        shutil.chown(made, owner)
        yield Folder(Path(made), ("setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups"))


@contextlib.contextmanager
def _running(path: Path) -> Iterator[Children]:
    logs = path / "logs"
    logs.mkdir()
    children = Children(logs)
    try:
        yield children
    finally:
        children.stop()


def _listens(child: Child, port: int) -> None:
    def ready() -> bool:
        assert child.running(), child.output[-3000:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    wait_until(ready, what=f"a server on port {port}")


@contextlib.contextmanager
def postgres() -> Iterator[int]:
    """The port of a PostgreSQL server: user ``postgres``, no password, database ``postgres``."""
    initdb, server = program("initdb", "postgresql"), program("postgres", "postgresql")
    with folder("postgres") as home, _running(home.path) as children:
        data = str(home.path / "data")
        command = [*home.as_owner, initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (port,) = lasting_ports(1)
        options = ("-p", str(port), "-k", str(home.path), "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1")
        child = children.start(*home.as_owner, server, "-D", data, *options)
        child.wait_for_text("ready to accept connections")
        yield port


@contextlib.contextmanager
def mariadb() -> Iterator[int]:
    """The port of a MariaDB server: user ``root``, no password, database ``shop``."""
    server = program("mariadbd", "mariadb-server-core")
    with folder() as home, _running(home.path) as children:
        data = home.path / "data"
        (data / "shop").mkdir(parents=True)
        (port,) = lasting_ports(1)
        options = (f"--datadir={data}", f"--port={port}", f"--socket={home.path}/socket", "--bind-address=127.0.0.1")
        account = () if os.geteuid() else ("--user=root",)
        # Without accounts it needs no tables of its own, whose making would take longer than its start.
        child = children.start(server, "--no-defaults", "--skip-grant-tables", *options, *account)
        child.wait_for_text("ready for connections")
        yield port


@contextlib.contextmanager
def rabbitmq() -> Iterator[int]:
    """The port of a RabbitMQ server: user ``guest``, password ``guest``.

    Erlang's port mapper is a child of ours too; by itself it would outlive the server.
    """
    epmd = program("epmd", "rabbitmq-server")
    server = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    require("rabbitmq-server", "" if server.exists() else "not installed (apt-get install rabbitmq-server)")
    with folder() as home, _running(home.path) as children:
        port, mapper, distribution = lasting_ports(3)
        env = {
            "ERL_EPMD_PORT": str(mapper),
            "HOME": str(home.path),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home.path / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": str(home.path / "data"),
            "RABBITMQ_NODENAME": f"hopline{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
        }
        _listens(children.start(epmd, "-port", str(mapper), "-address", "127.0.0.1"), mapper)
        _listens(children.start(str(server), env=env), port)
        yield port
