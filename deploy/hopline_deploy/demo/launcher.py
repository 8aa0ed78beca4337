"""Starts the shop and Hopline beside it, and ends both."""

import contextlib
import fcntl
import json
import logging
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from hopline_deploy.broker import Broker
from hopline_deploy.children import Children
from hopline_deploy.demo.shop import ADDRESSES, PLACES, TOPIC, Place
from hopline_deploy.ports import free_ports

READY_SECONDS: Final = 60.0
WATCH_SECONDS: Final = 0.2
_ENDS: Final = (signal.SIGINT, signal.SIGTERM)
log = logging.getLogger(__name__)

_PACKAGE: Final = "hopline_deploy.demo"


class DemoError(RuntimeError):
    """The demo cannot start or broke down; the message says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may choose."""

    data: Path
    host: str
    port: int
    otlp_port: int
    kafka: bool = False
    rate: float = 6.0


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process. Raises `DemoError` with the pid of another holder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.pid").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise DemoError(f"{folder} is in use by process {file.read().strip() or 'unknown'}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


class Demo:
    """The whole demo as child processes of this one."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._children = Children(options.data / "logs")
        self._broker = Broker(options.data / "kafka") if options.kafka else None
        self.url = f"http://{options.host}:{options.port}"

    def start(self) -> None:
        """Start everything and wait until all of it answers. Raises `DemoError`."""
        if self._broker is not None:
            self._broker.start()
            _create_topics(self._broker.address)
        self._start_hopline()
        addresses = self._start_shop()
        for name, address in {"hopline": self.url, **addresses}.items():
            path = "/health/ready" if name == "hopline" else "/health"
            self._wait_for(f"{address}{path}", name)
        self._start("traffic", ["--rate", str(self._options.rate)], self._environment(addresses))

    def watch(self) -> None:
        """Stay as long as all children run. Raises `DemoError` when one ends by itself."""
        while True:
            self._check()
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """End every child, then the broker."""
        self._children.stop()
        if self._broker is not None:
            self._broker.stop()

    def _start_hopline(self) -> None:
        options = self._options
        command = [sys.executable, "-m", "hopline_deploy", "up", "--host", options.host, "--port", str(options.port)]
        command += ["--otlp-port", str(options.otlp_port), "--data", str(options.data / "store")]
        if self._broker is not None:
            command += ["--kafka", self._broker.address]
        rules = os.environ.get("HOPLINE_ALERTS", "")
        alerts = {"HOPLINE_ALERTS": str(Path(rules).absolute())} if rules else {}
        self._children.start("hopline", command, _clean_environment() | alerts | {"HOPLINE_TOUR": "true"})

    def _start_shop(self) -> dict[str, str]:
        """Addresses of the services that listen."""
        listening = [place for place in PLACES if place.listens]
        queue_port, *ports = free_ports(len(listening) + 1)
        addresses = {place.name: f"http://127.0.0.1:{port}" for place, port in zip(listening, ports, strict=True)}
        environment = self._environment(addresses, queue_port)
        if self._broker is None:
            self._start("queue_server", ["--port", str(queue_port)], environment)
        for place in PLACES:
            arguments = [*place.arguments]
            if place.listens:
                arguments += ["--port", addresses[place.name].rpartition(":")[2], "--skew-ms", str(place.skew_ms)]
            self._start(place.module, arguments, environment | _identity(place), *place.arguments)
        return addresses

    def _start(self, module: str, arguments: list[str], environment: dict[str, str], *suffix: str) -> None:
        command = [sys.executable, "-m", f"{_PACKAGE}.{module}", *arguments]
        self._children.start("-".join([module, *suffix]), command, environment)

    def _environment(self, addresses: dict[str, str], queue_port: int = 0) -> dict[str, str]:
        if self._broker is not None:
            endpoint = queue = f"kafka://{self._broker.address}"
        else:
            endpoint, queue = self.url, f"queue://127.0.0.1:{queue_port}"
        chosen = {"HOPLINE_ENDPOINT": endpoint, "HOPLINE_ENV": "demo", "SHOP_QUEUE": queue}
        chosen["SHOP_PAYMENTS_BROKEN"] = str(self._options.data / "payments-broken")
        return {**_clean_environment(), **chosen, ADDRESSES: json.dumps(addresses)}

    def _wait_for(self, url: str, name: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(url):
            self._check()
            if time.monotonic() > deadline:
                raise DemoError(f"{name} gave no answer in {READY_SECONDS:.0f} s; see {self._options.data / 'logs'}")
            time.sleep(0.1)

    def _check(self) -> None:
        child = self._children.ended()
        if child is not None:
            tail = child.log.read_text(errors="replace")[-2000:]
            raise DemoError(f"{child.name} ended with {child.process.returncode}; the end of {child.log}:\n{tail}")


def _identity(place: Place) -> dict[str, str]:
    return {
        "HOPLINE_SERVICE": place.name,
        "HOPLINE_ZONE": place.zone,
        "HOPLINE_HOST": place.host,
        "HOPLINE_VERSION": place.version,
    }


def _clean_environment() -> dict[str, str]:
    """The environment of this process without settings that are meant for other programs of the user."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("HOPLINE_", "OTEL_"))}


def _create_topics(address: str) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    admin = KafkaAdminClient(bootstrap_servers=address)
    for name in ("hopline.spans", TOPIC):
        with contextlib.suppress(TopicAlreadyExistsError):
            admin.create_topics([NewTopic(name, 2, 1)])
    admin.wait_for_topics(["hopline.spans", TOPIC])
    admin.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1.0) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == 200)
    except OSError:
        return False


def run(options: Options, say: Callable[[str], None]) -> None:
    """Start the demo, say where it is, and stay until SIGINT or SIGTERM. Raises `DemoError`."""
    previous = {number: signal.signal(number, _interrupt) for number in _ENDS}
    try:
        with locked(options.data):
            demo = Demo(options)
            try:
                demo.start()
                say(demo.url)
                demo.watch()
            except KeyboardInterrupt:
                log.debug("asked to end")
            finally:
                # An impatient second Ctrl-C must not leave processes behind.
                for number in _ENDS:
                    signal.signal(number, signal.SIG_IGN)
                demo.stop()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
