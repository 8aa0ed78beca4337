import logging
import socket
import subprocess
import sys
from types import SimpleNamespace

import msgspec
import pytest

import hopline
from hopline import tracer as tracing
from hopline.config import Config
from hopline.ids import trace_bucket
from hopline.transports.kafka import producer_options
from support import wait_until
from support.kafka import create_topic
from support.leftovers import senders_end


@pytest.fixture
def configured():
    before = tracing.activate(None)

    def configure(broker, topic: str, **overrides):
        hopline.configure(
            service="shop", **{"endpoint": f"kafka://{broker.address}", "topic": topic, "batch_ms": 1, **overrides}
        )

    with senders_end():
        yield configure
        hopline.shutdown(5)
        tracing.activate(before)


# kafka-python leaves the sockets of refused connections to the collector of garbage, which may free them in the test
# after: none of these tests is the last of the file.
LEAKS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


BROKER_LIMIT = 1_048_576
"""Bytes of a message that a broker takes unless it is told otherwise."""


def read(broker, topic: str, rows: int) -> list[tuple[int, bytes, list]]:
    """(partition, key, decoded message) until ``rows`` rows were seen."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")
    parts = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(parts)
    messages: list[tuple[int, bytes, list]] = []

    def enough() -> bool:
        for partition, records in consumer.poll(timeout_ms=200).items():
            messages.extend((partition.partition, r.key, msgspec.msgpack.decode(r.value)) for r in records)
        return sum(len(m[2]) for _, _, m in messages) >= rows

    try:
        wait_until(enough)
    finally:
        consumer.close()
    return messages


def record(traces: int, children: int = 4) -> None:
    for n in range(traces):
        with hopline.span(f"root {n}"):
            for _ in range(children):
                with hopline.span("child", tags={"n": n}):
                    pass


def test_one_trace_meets_one_partition(configured, kafka_broker, topic):
    """S2: messages of about 100 rows, grouped by trace bucket; process facts once; a report comes along."""
    name = topic(partitions=3)
    configured(kafka_broker, name, zone="z1")
    record(100)
    assert hopline.flush(60)
    messages = read(kafka_broker, name, 500)
    rows = [(partition, row) for partition, _, message in messages for row in message[2]]
    assert len(rows) == 500
    assert all(partition == trace_bucket(row[0]) % 3 for partition, row in rows)
    assert {key for _, key, _ in messages} == {b"0", b"1", b"2"}
    assert max(len(message[2]) for _, _, message in messages) <= 100
    assert all(message[0] == 1 and message[1]["zone"] == "z1" for _, _, message in messages)
    assert [message[3]["recorded"] > 0 for _, _, message in messages if len(message) > 3]
    assert hopline.counters()["sent"] == 500


def test_oversize_rows_are_cut_and_messages_split(configured, kafka_broker, topic):
    """S3: a message stays under the broker's limit whatever the rows hold."""
    name = topic(partitions=1)
    configured(kafka_broker, name, compression="none")
    with hopline.span("root"):
        for _ in range(100):
            with hopline.span("big") as row:
                for n in range(30):
                    row.tag(f"tag {n}", "\u00e9" * 2_000)
                    row.attr(f"attr {n}", "x" * 8_000)
    assert hopline.flush(60)
    messages = read(kafka_broker, name, 101)
    sizes = [len(msgspec.msgpack.encode(message)) for _, _, message in messages]
    assert sum(sizes) > BROKER_LIMIT > max(sizes)
    assert hopline.counters()["dropped"] == {}


def test_text_that_is_no_unicode(configured, kafka_broker, topic):
    """I10: a lone surrogate never loses the rows around it."""
    name = topic(partitions=1)
    configured(kafka_broker, name)
    with hopline.span("root"), hopline.span("bad \ud800"):
        pass
    assert hopline.flush(60)
    (message,) = [m for _, _, m in read(kafka_broker, name, 2)]
    assert [row[5] for row in message[2]] == ["root", "bad ?"]


@LEAKS
def test_only_our_own_producer_is_quiet(configured, caplog):
    """S7: an outage does not flood the application's log, and the application's own use of Kafka logs as ever."""
    level = logging.getLogger("kafka").level
    with socket.socket() as taken, caplog.at_level(logging.INFO):
        taken.bind(("127.0.0.1", 0))
        configured(SimpleNamespace(address=f"127.0.0.1:{taken.getsockname()[1]}"), "hopline.spans")
        with hopline.span("lost"):
            pass
        wait_until(lambda: hopline.counters()["events"].get("send_failures", 0) > 1, what="an outage")
        logging.getLogger("kafka.producer.kafka").error("the application's own")
    said = [record.message for record in caplog.records if record.name.startswith("kafka")]
    assert said == ["the application's own"]
    assert logging.getLogger("kafka").level == level


@LEAKS
def test_broker_away_from_the_start(own_broker, configured):
    """S7, I10: no broker, no topic: the application runs on; when they come, what was kept arrives by itself."""
    own_broker.stop()
    configured(own_broker, "late")
    record(2)
    assert not hopline.flush(0.2)
    own_broker.start()
    record(1)
    create_topic(own_broker, "late")
    wait_until(lambda: hopline.counters()["sent"] == 15)
    assert hopline.counters()["dropped"] == {}
    assert len({row[2] for _, _, m in read(own_broker, "late", 15) for row in m[2]}) == 15


@LEAKS
def test_broker_killed_and_restarted(own_broker, configured):
    """S7: a broker killed mid-load: nothing is lost that fits the buffers, and sending goes on by itself."""
    create_topic(own_broker, "spans")
    configured(own_broker, "spans")
    record(20)
    assert hopline.flush(60)
    own_broker.kill9()
    record(20)
    assert not hopline.flush(0.2)
    own_broker.start()
    record(20)
    wait_until(lambda: hopline.counters()["sent"] == 300)
    assert len({row[2] for _, _, m in read(own_broker, "spans", 300) for row in m[2]}) == 300


@pytest.mark.usefixtures("patient_exit")
def test_exit_sends_the_rest(kafka_broker, topic):
    """S5: atexit drains before the producer's own exit function."""
    name = topic(partitions=1)
    script = (
        "import hopline\n"
        f"hopline.configure(service='s', endpoint='kafka://{kafka_broker.address}', topic={name!r},"
        "                  kafka_options=('max_block_ms=60000',))\n"
        "with hopline.span('first'): pass\n"
        "assert hopline.flush(60)\n"
        "with hopline.span('last'): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, timeout=120, capture_output=True, text=True)
    assert done.stderr == ""
    assert [row[5] for _, _, m in read(kafka_broker, name, 2) for row in m[2]] == ["first", "last"]


def test_forked_workers_send_with_producers_of_their_own(kafka_broker, topic):
    """S4: a pre-forking server: the parent and each child send their own rows, none twice."""
    name = topic(partitions=2)
    script = (
        "import os, hopline\n"
        f"hopline.configure(service='s', endpoint='kafka://{kafka_broker.address}', topic={name!r})\n"
        "with hopline.span('parent before'): pass\n"
        "assert hopline.flush(60)\n"
        "with hopline.span('parent unsent'): pass\n"
        "children = []\n"
        "for n in range(3):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        with hopline.span(f'child {n}'): pass\n"
        "        os._exit(0 if hopline.flush(60) else 1)\n"
        "    children.append(pid)\n"
        "assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]\n"
        "assert hopline.flush(60)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", script], check=True, timeout=120)
    messages = read(kafka_broker, name, 5)
    names = sorted(row[5] for _, _, m in messages for row in m[2])
    assert names == ["child 0", "child 1", "child 2", "parent before", "parent unsent"]
    assert len({m[1]["instance"] for _, _, m in messages}) == 4


def test_a_forked_child_closes_nothing_of_its_parents(kafka_broker, topic):
    """S4: letting go of the parent's producer waits for none of its locks and threads, which no child has."""
    script = f"""
import os, sys, hopline
from kafka import KafkaProducer
hopline.configure(service='s', endpoint='kafka://{kafka_broker.address}', topic={topic()!r})
with hopline.span('row'): pass
assert hopline.flush(60)
KafkaProducer.flush = lambda *arguments: os._exit(7)
pid = os.fork()
if not pid:
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", script], check=True, timeout=120)


def test_exit_does_not_wait_for_a_dead_broker():
    """S5, I10: no broker at all: the exit takes no longer than its timeout, one warning, no traceback."""
    script = (
        "import hopline\n"
        "hopline.configure(service='s', endpoint='kafka://127.0.0.1:1', exit_timeout_s=0.5)\n"
        "with hopline.span('row'): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_options():
    """S7: acks=all and idempotent by default, settable; further options pass through."""
    options = producer_options(Config(endpoint="kafka://a:1,b:2", service="s"))
    assert (options["acks"], options["enable_idempotence"]) == ("all", True)
    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    options = producer_options(
        Config(
            endpoint="kafka://a:1",
            kafka_acks="1",
            compression="none",
            kafka_options=("security_protocol=SASL_SSL", "linger_ms=5"),
        )
    )
    assert (options["acks"], options["enable_idempotence"], options["compression_type"]) == (1, False, None)
    assert (options["security_protocol"], options["linger_ms"]) == ("SASL_SSL", 5)
    options = producer_options(Config(endpoint="kafka://a:1", kafka_options="sasl_plain_password=0123,4"))
    assert options["sasl_plain_password"] == "0123,4"
