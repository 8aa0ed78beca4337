"""The parts that other tests lean on: broker, ClickHouse over HTTP, browser, waiting."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.migrate import current_version
from hopline_deploy.broker import Broker, answers
from hopline_query.service import QueryService
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support import Children, require, wait_until
from support.clickhouse_server import Server, Shards
from support.engine import Front
from support.filled import ROWS_PER_TRACE, fill, settle_filled


def test_a_missing_part_skips_locally(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 11: a part that is not there skips with its reason."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Frobnicator: not here"):
        require("Frobnicator", "not here")


def test_a_missing_part_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 11: with CI=true nothing is left out."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="nothing is skipped"):
        require("Frobnicator", "not here")
    require("Frobnicator", "")


def test_wait_until_names_what_did_not_come() -> None:
    """A condition that never holds ends with its name and its last value."""
    with pytest.raises(AssertionError, match=r"the moon not reached.*last value 0"):
        wait_until(lambda: 0, deadline=0.01, interval=0.001, what="the moon")


def test_children_end_with_the_test(children: Children) -> None:
    """A started process is gone after `stop`, and so is its own child."""
    child = children.start("bash", "-c", "sleep 600 & echo started $!; wait")
    grandchild = int(child.wait_for_text("started").split()[1])
    assert child.stop() == -signal.SIGTERM
    wait_until(lambda: not _alive(grandchild), what="the grandchild's end")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_broker_survives_kill_and_keeps_its_data(own_broker: Broker) -> None:
    """R1: a broker killed without warning comes back with what it had acknowledged."""
    from kafka import KafkaConsumer, KafkaProducer

    from support.kafka import create_topic

    create_topic(own_broker, "kept", partitions=1)
    producer = KafkaProducer(bootstrap_servers=own_broker.address)
    producer.send("kept", b"one").get(timeout=60)
    producer.close()
    own_broker.kill9()
    assert not answers(own_broker.port)
    own_broker.start()
    consumer = KafkaConsumer("kept", bootstrap_servers=own_broker.address, auto_offset_reset="earliest")
    records = wait_until(lambda: consumer.poll(timeout_ms=500))
    consumer.close()
    assert [r.value for batch in records.values() for r in batch] == [b"one"]


def test_a_paused_broker_does_not_answer(own_broker: Broker) -> None:
    """Ready means that it answers: a stopped process with an open port does not count."""
    own_broker.pause()
    assert not answers(own_broker.port)
    own_broker.resume()
    wait_until(lambda: answers(own_broker.port))


def test_topics_are_new_each_time(topic: Callable[..., str]) -> None:
    """Each test has topics of its own on the shared broker."""
    assert topic() != topic(partitions=1)


@pytest.fixture
def front(children: Children, tmp_path: Path) -> Front:
    found = Front(children, tmp_path / "data")
    found.start()
    return found


@pytest.fixture
def client(front: Front):
    database = "front_test"
    front.execute(f"CREATE DATABASE {database} ENGINE = Atomic")
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=front.port, database=database, autogenerate_session_id=False
    )
    yield client
    client.close()


def test_front_serves_the_http_client(client) -> None:
    """Section 5: create, insert, bind parameters, commands with and without results."""
    client.command("CREATE TABLE t (n UInt64, m Map(String, String)) ENGINE = MergeTree ORDER BY n")
    client.insert("t", [[1, {"a": "x"}], [2, {"b": "ß'\\"}]], column_names=["n", "m"])
    rows = client.query("SELECT n, m FROM t WHERE n >= {low:UInt64} ORDER BY n", parameters={"low": 2}).result_rows
    assert rows == [(2, {"b": "ß'\\"})]
    assert client.command("SELECT count() FROM t") == 2
    assert client.query("SELECT n FROM t WHERE n > 10").result_rows == []


def test_front_keeps_the_first_bytes_of_native_data(client) -> None:
    """A block of ten columns begins with a byte that is a line feed: it belongs to the data."""
    names = [f"c{number}" for number in range(10)]
    columns = ", ".join(f"{name} UInt8" for name in names)
    client.command(f"CREATE TABLE wide ({columns}) ENGINE = MergeTree ORDER BY c0")
    client.insert("wide", [list(range(10))], column_names=names)
    assert client.query("SELECT * FROM wide").result_rows == [tuple(range(10))]


def test_front_knows_tokens(client) -> None:
    """C1: a block inserted twice under one token is stored once."""
    client.command(
        "CREATE TABLE d (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100"
    )
    for token in ("a", "a", "b"):
        client.insert("d", [[1]], column_names=["n"], settings={"insert_deduplication_token": token})
    assert client.command("SELECT count() FROM d") == 2


def test_front_tells_errors_apart(client) -> None:
    """Errors keep the engine's code, and the next statement is not disturbed."""
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as caught:
        client.query("SELECT * FROM nowhere")
    assert caught.value.code == 60
    with pytest.raises(DatabaseError):
        client.query("SELECT throwIf(number = 5) FROM numbers(10) SETTINGS max_block_size = 1")
    assert client.command("SELECT 7") == 7


def test_a_server_comes_back_after_a_crash(own_clickhouse: Server) -> None:
    """C2: what was inserted before a crash is there after it."""
    own_clickhouse.execute("CREATE DATABASE kept ENGINE = Atomic")
    own_clickhouse.execute("CREATE TABLE kept.t (n UInt64) ENGINE = MergeTree ORDER BY n")
    own_clickhouse.execute("INSERT INTO kept.t FORMAT CSV\n1\n2\n")
    own_clickhouse.kill9()
    own_clickhouse.start()
    assert own_clickhouse.execute("SELECT sum(n) FROM kept.t") == "3\n"


def test_shards_know_each_other(shards: Shards) -> None:
    """K1: three servers are one cluster, and each says which shard it is itself."""
    own = "SELECT shard_num FROM system.clusters WHERE cluster = 'main' AND is_local"
    assert [server.execute(own) for server in shards.servers] == ["1\n", "2\n", "3\n"]
    assert shards.servers[0].execute("SELECT count() FROM cluster('main', system.one)") == "3\n"


def test_front_takes_readonly_last(client) -> None:
    """Section 5: a reader's limits and `readonly` may come in any order."""
    limits = {"readonly": 1, "max_execution_time": 5}
    assert client.query("SELECT getSetting('max_execution_time')", settings=limits).result_rows == [(5,)]


def test_engine_is_migrated_and_empty(engine: ClickHouse) -> None:
    """Section 11: a database per test on one embedded engine."""
    assert current_version(engine) > 0
    with engine.reader() as handle:
        assert handle.command(f"SELECT count() FROM {engine.database}.spans") == 0


def test_a_filled_store_holds_whole_traces(engine: ClickHouse) -> None:
    """Section 11: a store filled by SQL reads like one that a collector filled."""
    now = time.time_ns() // 1000
    fill(engine, traces=50, from_us=now - 600_000_000, to_us=now - 60_000_000)
    service = QueryService(ClickHouseReader(engine))
    found = service.search({"from": "now-15m", "to": "now", "limit": "100"})["traces"]
    assert len(found) == 50
    trace = service.trace(found[0]["trace_id"])
    assert (trace["state"], trace["expected"], trace["rows"]) == ("complete", 6, ROWS_PER_TRACE)
    stats = service.stats({"from": "now-15m", "to": "now"})["services"]
    assert sum(entry["calls"] for entry in stats) == 50 * 5


def test_a_filled_store_is_settled_as_the_chore_would(engine: ClickHouse) -> None:
    """Section 11: the rows of settled traces that SQL makes for a filled store are those of the chore."""
    now = time.time_ns() // 1000
    twice = "[t % 3, 7, 7, t % 3, 9]::Array(UInt64)"
    fill(engine, traces=150, from_us=now - 600_000_000, to_us=now - 60_000_000, fleet=twice, parts=5)
    settle_filled(engine, now - 600_000_000, now, version=now)
    read = f"SELECT * FROM {engine.database}.settled ORDER BY trace_id"
    made = engine.ask(read)
    assert settle(engine, now) == 0
    with engine.writer() as handle:
        handle.command(f"TRUNCATE TABLE {engine.database}.settled")
        handle.command(f"TRUNCATE TABLE {engine.database}.settled_buckets")
    assert settle(engine, now) == len(made) == 150
    assert made == engine.ask(read)
    assert any(row[8] for row in made)


def test_browser_opens_a_page(chromium) -> None:
    """Section 11: one Chromium, a context per test."""
    chromium.set_content("<h1>here</h1>")
    assert chromium.text_content("h1") == "here"
