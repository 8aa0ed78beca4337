"""One message that kills whoever decodes it, or that the store refuses: it is set aside, its neighbours are stored."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaProducer

from hopline_collector.handover.plan import TRIES
from hopline_collector.sources.journal import Journal
from hopline_deploy.broker import Broker
from support.accounts import RECEIVED, gauge
from support.killing import Killable, Rig, check_books
from support.process import Child
from support.process_costs import Starved
from support.stores import store_of, told
from support.waiting import wait_until
from support.wire_rows import PROCESS, wire_message, wire_row

MARK = "message of death"
MESSAGES = 1_000 if os.environ.get("HOPLINE_TEST_FULL") else 100
SECONDS = 60.0
"""R2: how long a partition may stand still; what the processes wait for a core meanwhile comes on top."""

Topic = Callable[..., str]


def bodies(fatal: int) -> list[bytes]:
    """`MESSAGES` messages of one row, of which number `fatal` is marked."""
    now = time.time_ns() // 1000
    return [
        wire_message(wire_row(n + 1, name=MARK if n == fatal else "fine", start_us=now + n), process=PROCESS)
        for n in range(MESSAGES)
    ]


def revive_until_stored(collector: Killable) -> list[int]:
    """Start it again whenever it is gone, as systemd would, until every row is accounted for; its exit codes."""
    began = time.monotonic()
    codes: list[int] = []
    running: list[Child] = [collector.launch()]
    starved = [Starved(running[-1].pid)]

    def stored() -> bool:
        if time.monotonic() - began - sum(each.seconds() for each in starved) > SECONDS:
            pytest.fail(f"not all of {MESSAGES} rows are accounted for after {SECONDS} s", pytrace=False)
        if not running[-1].running():
            codes.append(running[-1].wait())
            if codes[-1] != -signal.SIGABRT:
                pytest.fail(running[-1].output[-3000:], pytrace=False)
            running.append(collector.launch())
            starved.append(Starved(running[-1].pid))
        return gauge(collector.url, RECEIVED) == MESSAGES

    wait_until(stored, 4 * SECONDS, what="every message stored or set aside")
    return codes


def set_aside(collector: Killable) -> None:
    assert collector.gauge('hopline_ledger_rows{account="dead"}') == 1
    assert collector.gauge('hopline_ledger_rows{account="stored"}') == MESSAGES - 1


def test_a_message_that_kills_the_process_on_the_journal(rig: Rig, tmp_path: Path) -> None:
    """R2, C3: set aside within a minute, whatever it takes; the others are stored once."""
    sent = bodies(fatal=MESSAGES - 1)
    journal = Journal(tmp_path / "journal" / "journal.sqlite")
    journal.append([("native", body) for body in sent])
    journal.close()
    collector = rig.collector(
        path=str(tmp_path / "store"), journal=str(tmp_path / "journal"), block_rows=20_000, abort_on=MARK
    )
    codes = revive_until_stored(collector)
    assert codes == [-signal.SIGABRT] * TRIES
    set_aside(collector)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", sent[:-1])


def test_a_message_that_kills_the_process_on_kafka(
    rig: Rig, kafka_broker: Broker, topic: Topic, tmp_path: Path
) -> None:
    """R2, C3: the same where the plan is commit metadata; the member comes back under its name."""
    name = topic(1)
    sent = bodies(fatal=MESSAGES // 3)
    send(kafka_broker, name, sent)
    collector = rig.collector(
        path=str(tmp_path / "store"),
        kafka=kafka_broker.address,
        topics={name: "native"},
        group=name,
        instance="one",
        block_rows=20_000,
        abort_on=MARK,
    )
    codes = revive_until_stored(collector)
    assert codes == [-signal.SIGABRT] * TRIES
    set_aside(collector)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", [body for body in sent if MARK.encode() not in body])


def test_a_message_that_kills_the_process_when_it_is_inserted(rig: Rig, tmp_path: Path) -> None:
    """R2, C3, K4: the insert was begun, so range and token stay; the one message is set aside, the others are exact."""
    sent = bodies(fatal=MESSAGES // 2)
    journal = Journal(tmp_path / "journal" / "journal.sqlite")
    journal.append([("native", body) for body in sent])
    journal.close()
    collector = rig.collector(
        path=str(tmp_path / "store"), journal=str(tmp_path / "journal"), block_rows=20_000, abort_on_insert=MARK
    )
    codes = revive_until_stored(collector)
    assert codes == [-signal.SIGABRT] * TRIES
    set_aside(collector)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", [body for body in sent if MARK.encode() not in body])


def test_a_message_that_kills_when_it_is_inserted_on_kafka_and_a_server(
    rig: Rig, kafka_broker: Broker, topic: Topic, request: pytest.FixtureRequest
) -> None:
    """R2, C3, K4: the same where the plan is commit metadata and the tables are a server's."""
    name = topic(1)
    sent = bodies(fatal=MESSAGES // 4)
    send(kafka_broker, name, sent)
    with store_of("server", request) as store:
        collector = rig.collector(
            **told(store),
            kafka=kafka_broker.address,
            topics={name: "native"},
            group=name,
            instance="one",
            block_rows=20_000,
            abort_on_insert=MARK,
        )
        codes = revive_until_stored(collector)
        assert codes == [-signal.SIGABRT] * TRIES
        set_aside(collector)
        assert collector.stop() == 0
        check_books(store, [body for body in sent if MARK.encode() not in body])


def test_a_message_that_the_store_refuses_on_the_journal(rig: Rig, tmp_path: Path) -> None:
    """R2, C3: a refusal before anything is written narrows the range down to the one message."""
    sent = bodies(fatal=MESSAGES // 2)
    journal = Journal(tmp_path / "journal" / "journal.sqlite")
    journal.append([("native", body) for body in sent])
    journal.close()
    collector = rig.collector(
        path=str(tmp_path / "store"), journal=str(tmp_path / "journal"), block_rows=20_000, spoil=MARK
    )
    assert revive_until_stored(collector) == []
    set_aside(collector)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", [body for body in sent if MARK.encode() not in body])


def send(broker: Broker, topic: str, sent: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", api_version=(4, 3))
    try:
        for answer in [producer.send(topic, value=body, partition=0) for body in sent]:
            answer.get(timeout=60)
    finally:
        producer.close(timeout=2)
