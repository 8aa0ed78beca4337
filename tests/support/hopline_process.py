"""The command ``hopline`` as a process, and the article's services in front of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.ports import lasting_ports
from support.process import Child, Children

ARTICLE = {"A": ("B", "E"), "B": ("C",), "E": (), "C": ()}
"""Service -> the services that it calls, in this order."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running ``hopline up``, ``collector`` or ``query``."""

    child: Child
    url: str

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """The JSON of ``GET /api/v1/<path>``; an `AssertionError` with the body for any other status."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=params, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


def started(children: Children, *flags: str, role: str = "up") -> Server:
    """Start ``hopline <role>`` on a free port and wait until it is ready."""
    otlp = [] if role == "query" else ["--otlp-port", "0"]
    child = children.python("-m", "hopline_deploy", role, "--port", "0", *otlp, *flags)
    url = child.wait_for_text(f"Hopline {role}: ").split()[2].rstrip(",")
    child.wait_for_url(f"{url}/health/ready")
    return Server(child, url)


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an embedded store with its tables and without rows, to copy: making the tables takes longer."""
    folder = tmp_path_factory.mktemp("migrated")
    children = Children(folder)
    made = children.python("-m", "hopline_deploy", "migrate", "--data", str(folder / "data"))
    assert made.wait() == 0, made.output
    return folder / "data"


@pytest.fixture
def hopline_up(children: Children, tmp_path: Path, migrated_folder: Path) -> Callable[..., Server]:
    """``hopline_up("--kafka", address)`` starts everything in one process and waits until it is ready.

    Without ``--data`` it finds its tables made; with it, whatever is in that folder.
    """

    def start(*flags: str, role: str = "up") -> Server:
        if "--data" in flags:
            return started(children, *flags, role=role)
        data = tmp_path / "hopline"
        if not data.exists():
            shutil.copytree(migrated_folder, data, symlinks=True)
        return started(children, *flags, "--data", str(data), role=role)

    return start


def start_article(children: Children, endpoint: str) -> str:
    """Start the article's four services; the address of A."""
    ports = dict(zip(ARTICLE, lasting_ports(len(ARTICLE)), strict=True))
    address = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    script = Path(__file__).with_name("article.py")
    environment = {"HOPLINE_ENDPOINT": endpoint}
    started = [
        # -P: the script's folder holds modules with names of libraries.
        children.python("-P", str(script), name, str(ports[name]), *(address[c] for c in callees), env=environment)
        for name, callees in ARTICLE.items()
    ]
    for child, url in zip(started, address.values(), strict=True):
        child.wait_for_url(f"{url}/health")
    return address["A"]
