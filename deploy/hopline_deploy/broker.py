"""A real Apache Kafka broker on this machine, for the demo and for the tests.

One node in KRaft mode, started from the jars that ``deploy/setup/kafka.sh``
puts into ``.cache/kafka``. It is a tool for development: a production broker
is somebody else's.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from hopline_deploy.ports import free_ports

CLUSTER_ID: Final = "MkU3OEVBNTcwNTJENDM2Qg"
"""Fixed: a random id that begins with ``-`` would be taken for an option, one time in 64."""

JVM_OPTIONS: Final = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)

PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=4194304
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""
# The session time-out keeps a restart after kill -9 under 4 s (11 s with the default).


class BrokerError(RuntimeError):
    """The broker cannot be started; the message says why and what helps."""


def kafka_home() -> Path:
    """The folder with ``libs/``: ``$HOPLINE_KAFKA_HOME``, else ``.cache/kafka`` of the checkout."""
    named = os.environ.get("HOPLINE_KAFKA_HOME")
    return Path(named) if named else Path(__file__).parents[2] / ".cache" / "kafka"


def missing_reason() -> str:
    """Why no broker can run here, or an empty string."""
    if shutil.which("java") is None:
        return "no java on the path (Debian: openjdk-17-jre-headless)"
    if not any((kafka_home() / "libs").glob("kafka_2.13-*.jar")):
        return f"no Kafka jars under {kafka_home()} (run deploy/setup/kafka.sh)"
    return ""


def answers(port: int, timeout: float = 0.5) -> bool:
    """Whether a broker answers an ApiVersions request: an open port is not enough."""
    client_id = b"hopline"
    body = struct.pack(">hhih", 18, 0, 1, len(client_id)) + client_id
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(body)) + body)
            return len(connection.recv(4)) == 4
    except OSError:
        return False


class Broker:
    """One broker over one data directory; every method may be called again after the opposite one."""

    def __init__(self, directory: Path, ports: Sequence[int] = ()) -> None:
        """Prepare a broker whose data, settings and log live in `directory`; nothing is started.

        `ports` are one for clients and one for its controller; without them two that are free now.
        """
        self.directory = directory
        self.port, self._controller_port = ports or free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        return self._running().pid

    def start(self, timeout: float = 60.0, extra_jvm_options: tuple[str, ...] = ()) -> None:
        """Start and wait until it answers; raises `BrokerError` with the end of its log."""
        reason = missing_reason()
        if reason:
            raise BrokerError(reason)
        properties = self._write_properties()
        libs = kafka_home() / "libs"
        options = [*JVM_OPTIONS, *(extra_jvm_options or _archive_options())]
        self._log = (self.directory / "broker.log").open("ab")
        self._process = subprocess.Popen(  # noqa: S603 (fixed program, our own file)
            ["java", *options, "-cp", f"{libs}/*", "kafka.Kafka", str(properties)],  # noqa: S607 (java from the path)
            cwd=self.directory,
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
            # Ctrl-C belongs to the parent, which stops its children in the right order.
            start_new_session=True,
        )
        self._wait_until_ready(timeout)

    def stop(self, timeout: float = 15.0) -> None:
        """SIGTERM, and SIGKILL after `timeout` seconds; quiet when nothing runs."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()

    def kill9(self) -> None:
        """End it without warning, as a crash would."""
        process = self._running()
        process.kill()
        process.wait()
        self._forget()

    def restart(self) -> None:
        """Start again on the same directory and ports."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP, and wait until its threads stand: the port stays open and nothing answers."""
        running = self._running()
        running.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, running.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Undo `pause`."""
        self._running().send_signal(signal.SIGCONT)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BrokerError("the broker is not running")
        return self._process

    def _forget(self) -> None:
        self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _write_properties(self) -> Path:
        data = self.directory / "data"
        if not data.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            shutil.copytree(_template(), data)
        path = self.directory / "server.properties"
        path.write_text(PROPERTIES.format(port=self.port, controller_port=self._controller_port, data=data))
        return path

    def _wait_until_ready(self, timeout: float) -> None:
        process = self._running()
        deadline = time.monotonic() + timeout
        while not answers(self.port):
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            code = process.poll()
            self.stop()
            why = f"ended with {code}" if code is not None else f"gave no answer in {timeout:.0f} s"
            raise BrokerError(f"the broker {why}:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return (self.directory / "broker.log").read_text(errors="replace")[-2000:]


def _archive_options() -> tuple[str, ...]:
    """Start from the class archive where there is one: half the start-up time."""
    archive = kafka_home() / "broker.jsa"
    return (f"-XX:SharedArchiveFile={archive}", "-Xshare:auto") if archive.exists() else ()


def _template() -> Path:
    """A formatted log directory; copying it saves the second that formatting takes."""
    template = kafka_home() / "template"
    if template.exists():
        return template
    scratch = kafka_home() / f"template.{os.getpid()}"
    properties = kafka_home() / f"template.{os.getpid()}.properties"
    properties.write_text(PROPERTIES.format(port=1, controller_port=2, data=scratch))
    command = ["java", *JVM_OPTIONS, "-cp", f"{kafka_home() / 'libs'}/*", "kafka.tools.StorageTool"]
    done = subprocess.run(  # noqa: S603 (fixed program, our own file)
        [*command, "format", "-t", CLUSTER_ID, "-c", str(properties)], capture_output=True, check=False
    )
    properties.unlink()
    if done.returncode:
        raise BrokerError(f"formatting failed:\n{done.stderr.decode(errors='replace')[-2000:]}")
    try:
        scratch.rename(template)
    except OSError:  # another process was quicker
        shutil.rmtree(scratch)
    return template


def prepare() -> None:
    """Build the formatted template and the class archive beside the jars (5-12 s, once)."""
    reason = missing_reason()
    if reason:
        raise BrokerError(reason)
    _template()
    archive = kafka_home() / "broker.jsa"
    if archive.exists():
        return
    directory = kafka_home() / f"prepare.{os.getpid()}"
    scratch = directory.with_suffix(".jsa")
    broker = Broker(directory)
    try:
        broker.start(extra_jvm_options=(f"-XX:ArchiveClassesAtExit={scratch}",))
        _exercise(broker.address)
        broker.stop(timeout=60)
        scratch.rename(archive)
    finally:
        broker.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _exercise(address: str) -> None:
    """Touch the classes that every run needs: create a topic, produce, consume in a group."""
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic("warm", 1, 1)])
    admin.wait_for_topics(["warm"])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=address)
    producer.send("warm", b"x").get(timeout=30)
    producer.close()
    consumer = KafkaConsumer("warm", bootstrap_servers=address, group_id="warm", auto_offset_reset="earliest")
    consumer.poll(timeout_ms=10_000)
    consumer.commit(timeout_ms=10_000)
    consumer.close()


def main() -> None:
    """``python -m hopline_deploy.broker prepare``: the last step of the Kafka set-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["prepare"])
    parser.parse_args()
    prepare()


if __name__ == "__main__":
    main()
