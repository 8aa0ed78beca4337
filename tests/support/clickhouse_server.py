"""Real ClickHouse servers for tests: one, or the three shards of a cluster, each a process of its own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.need import require
from support.ports import lasting_ports
from support.process import Child, Children

CLUSTER = "main"
SHARDS = 3

_CONFIGURATION = """<clickhouse>
  <tcp_port>{tcp_port}</tcp_port>
  <http_port>{http_port}</http_port>
  <max_server_memory_usage>1500000000</max_server_memory_usage>
  <mark_cache_size>100000000</mark_cache_size>
  <remote_servers><{cluster}>{shards}</{cluster}></remote_servers>
</clickhouse>
"""
_SHARD = (
    "<shard><internal_replication>true</internal_replication>"
    "<replica><host>127.0.0.1</host><port>{tcp_port}</port></replica></shard>"
)


def library() -> Path:
    """Where ``deploy/setup/clickhouse.sh`` puts the server: below ``$HOPLINE_CLICKHOUSE_HOME``, else ``.cache``."""
    named = os.environ.get("HOPLINE_CLICKHOUSE_HOME")
    return (Path(named) if named else Path(__file__).parents[2] / ".cache" / "clickhouse") / "libchdb.so"


def missing_reason() -> str:
    """Why no server can be started here; empty when one can."""
    return "" if library().exists() else f"no {library()} (run deploy/setup/clickhouse.sh)"


class Server:
    """A ClickHouse address (`url`) that can be stopped, killed, frozen and come back on the same data."""

    def __init__(self, children: Children, folder: Path) -> None:
        self.port, self.tcp_port = lasting_ports(2)
        self._children = children
        self._folder = folder
        self._child: Child | None = None
        self._wanted = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> dict[str, Any]:
        """What a collector is told of its store."""
        return {"url": self.url}

    def configure(self, *tcp_ports: int, cluster: str = CLUSTER) -> None:
        """Say which servers are the shards of the cluster."""
        self._folder.mkdir(parents=True, exist_ok=True)
        shards = "".join(_SHARD.format(tcp_port=port) for port in tcp_ports)
        text = _CONFIGURATION.format(http_port=self.port, tcp_port=self.tcp_port, shards=shards, cluster=cluster)
        (self._folder / "config.xml").write_text(text)

    def launch(self) -> None:
        """Start it and do not wait."""
        self._wanted = True
        script = Path(__file__).with_name("clickhouse_main.py")
        ports = (str(self.port), str(self.tcp_port))
        config = str(self._folder / "config.xml")
        arguments = (str(library()), str(self._folder / "data"), *ports, config)
        self._child = self._children.python("-P", str(script), *arguments, cwd=self._folder)

    def wait(self) -> None:
        """Wait until it answers."""
        self._running().wait_for_url(f"{self.url}/ping")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        self.wait()

    def stop(self) -> None:
        self._wanted = False
        self._running().stop()

    def kill9(self) -> None:
        self._wanted = False
        self._running().kill9()

    def revive(self) -> None:
        """Start it again if it ended by itself, as a service manager does."""
        if self._wanted and not self._running().running():
            self.start()

    def send(self, number: int) -> None:
        """Send a signal: SIGSTOP makes a server that takes connections and does not answer."""
        self._running().send(number)

    def execute(self, statement: str) -> str:
        """Run `statement`; its answer as tab-separated text."""
        answer = httpx.post(self.url, content=statement, timeout=60.0)
        if answer.status_code != 200:
            raise AssertionError(answer.text)
        return answer.text

    def _running(self) -> Child:
        assert self._child is not None
        return self._child


class Shards:
    """Three servers that know each other as the shards of the cluster `main`, without replicas."""

    name = CLUSTER

    def __init__(self, children: Children, folder: Path) -> None:
        self.servers = [Server(children, folder / f"shard-{number}") for number in range(SHARDS)]
        for server in self.servers:
            server.configure(*(each.tcp_port for each in self.servers))

    @property
    def url(self) -> str:
        """All addresses, as the setting takes them."""
        return ",".join(server.url for server in self.servers)

    @property
    def store(self) -> dict[str, Any]:
        """What a collector is told of its store."""
        return {"url": self.url, "cluster": self.name, "replicated": False}

    def start(self) -> None:
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.wait()

    def revive(self) -> None:
        """Start those again that ended by themselves: now and then one aborts when a neighbour dies in an insert."""
        for server in self.servers:
            server.revive()

    def execute(self, statement: str) -> str:
        """Run `statement` on the first; its answer as tab-separated text."""
        return self.servers[0].execute(statement)


def running_server(folder: Path) -> Iterator[Server]:
    """One server, ended afterwards."""
    require("ClickHouse server", missing_reason())
    folder.mkdir(parents=True, exist_ok=True)
    children = Children(folder)
    server = Server(children, folder / "server")
    server.configure()
    server.start()
    yield server
    children.stop()


def running_shards(folder: Path) -> Iterator[Shards]:
    """Three shards, ended afterwards."""
    require("ClickHouse server", missing_reason())
    folder.mkdir(parents=True, exist_ok=True)
    children = Children(folder)
    found = Shards(children, folder)
    found.start()
    yield found
    children.stop()


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole run: use a database of your own, and never stop it."""
    yield from running_server(tmp_path_factory.mktemp("clickhouse"))


@pytest.fixture
def own_clickhouse(tmp_path: Path) -> Iterator[Server]:
    """A server of this test alone, to stop, kill and start again."""
    yield from running_server(tmp_path / "clickhouse")


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    """Three shards for the whole run: use a database of your own, and never stop them."""
    yield from running_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture
def own_shards(tmp_path: Path) -> Iterator[Shards]:
    """Three shards of this test alone."""
    yield from running_shards(tmp_path / "shards")
