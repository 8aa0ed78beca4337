"""The embedded ClickHouse for tests: inside the test process, and a folder of it served by another process."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from support.empty_stores import EmptyStores
from support.ports import lasting_ports
from support.process import Child, Children


class Front:
    """A ClickHouse address (`url`) over a folder that an embedded engine wrote: only the same engine reads it again."""

    def __init__(self, children: Children, directory: Path) -> None:
        self._children = children
        self._directory = directory
        (self.port,) = lasting_ports(1)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        script = Path(__file__).with_name("clickhouse_front.py")
        self._child = self._children.python("-P", str(script), str(self._directory), str(self.port))
        self._child.wait_for_url(f"{self.url}/ping")

    def stop(self) -> None:
        assert self._child is not None
        self._child.stop()

    def kill9(self) -> None:
        assert self._child is not None
        self._child.kill9()

    def send(self, number: int) -> None:
        """Send a signal: SIGSTOP makes a server that takes connections and does not answer."""
        assert self._child is not None
        self._child.send(number)

    def execute(self, statement: str) -> str:
        """Run `statement`; its answer as tab-separated text."""
        answer = httpx.post(self.url, content=statement, timeout=60)
        if answer.status_code != 200:
            raise AssertionError(answer.text)
        return answer.text


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the one engine that this process can have, kept open for the whole run."""
    folder = tmp_path_factory.mktemp("engine")
    anchor = ClickHouse(StoreSettings(path=str(folder)))
    anchor.check()
    yield folder
    anchor.close()


@pytest.fixture(scope="session")
def engine_stores(engine_folder: Path) -> EmptyStores:
    """The migrated databases of that engine."""
    return EmptyStores(StoreSettings(path=str(engine_folder), database="test"))


@pytest.fixture
def engine(engine_stores: EmptyStores) -> Iterator[ClickHouse]:
    """The embedded engine with a migrated database that is this test's alone, without rows."""
    with engine_stores.lent() as store:
        yield store
