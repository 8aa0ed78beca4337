"""``hopline ledger``: the books shown, and positions set back after a restore, on a real broker."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from typer.testing import CliRunner

from hopline_deploy.broker import Broker
from hopline_deploy.commands import app
from hopline_deploy.remote import Remote, RemoteError
from support import Children
from support.kafka import create_topic

NOBODY = "http://127.0.0.1:1"


def answering(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> None:
    monkeypatch.setattr(Remote, "get", lambda _self, _path: answer)


def test_flaws_end_with_1_and_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """K2: a script can ask whether everything is accounted for."""
    log = {"source": "kafka", "topic": "t", "partition": 0, "log": "c/1f", "start": 0, "end": 9}
    flaw = {"kind": "gap", **log, "start": 3, "end": 5, "detail": "expired"}
    logs = [{**log, "blocks": 4, "gaps": 1, "lost": 2}]
    answering(monkeypatch, {"ok": False, "logs": logs, "flaws": [flaw]})
    result = CliRunner().invoke(app, ["ledger", "check"])
    assert result.exit_code == 1
    assert "2 offsets lost in 1 gaps" in result.output
    assert "3 to 5: expired" in result.output
    as_json = CliRunner().invoke(app, ["ledger", "check", "--json"])
    assert (as_json.exit_code, json.loads(as_json.output)["flaws"]) == (1, [flaw])


def hopline(children: Children, *words: str) -> tuple[int, str]:
    """A command in a process of its own: exit code, and the last line that it wrote."""
    child = children.python("-m", "hopline_deploy", *words, env={"HOPLINE_GROUP": "tests"})
    code = child.wait(90)
    return code, child.output.strip().rpartition("\n")[2]


@pytest.mark.parametrize("verb", [("ledger", "check", "--server", NOBODY), ("retention", "plan")])
def test_a_folder_that_is_not_there_is_named_and_not_made(tmp_path: Path, verb: tuple[str, ...]) -> None:
    """Bad input: who mistypes a folder is not told of an empty store, and finds no new one."""
    result = CliRunner().invoke(app, [*verb, "--data", str(tmp_path / "mistyped")])
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert f"no store in {tmp_path / 'mistyped'}" in result.output


def test_a_folder_at_rest_is_looked_into(children: Children, tmp_path: Path) -> None:
    """K2: with no server running, the folder itself is read."""
    data = ("--data", str(tmp_path / "data"))
    assert hopline(children, "migrate", *data)[0] == 0
    found = hopline(children, "ledger", "check", *data, "--server", NOBODY)
    assert found == (0, "everything is accounted for, once")


def test_a_server_that_refuses_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """O2: a token that is missing is no reason to open the folder."""

    def refuse(*_: Any) -> Any:
        raise RemoteError("a token is needed", 401)

    monkeypatch.setattr(Remote, "get", refuse)
    result = CliRunner().invoke(app, ["ledger", "check"])
    assert (result.exit_code, "a token is needed" in result.output) == (1, True)


def test_rewind_sets_positions_back(children: Children, tmp_path: Path, own_broker: Broker) -> None:
    """K2: an emptied store gets the log from its start; a dry run only says so, and a second run finds nothing."""
    data = ("--data", str(tmp_path / "data"))
    assert hopline(children, "migrate", *data)[0] == 0
    make_topic_with_position(own_broker, 2)
    words = ["ledger", "rewind", "--json", *data, "--kafka", own_broker.address]
    outcomes = [hopline(children, *words, *more) for more in (["--dry-run"], [], [])]
    assert [code for code, _ in outcomes] == [0, 0, 0], outcomes
    moved = {"topic": "hopline.spans", "partition": 0, "from": 2, "to": 0}
    assert [json.loads(line)["rewound"] for _, line in outcomes] == [[moved], [moved], []]


def make_topic_with_position(broker: Broker, position: int) -> None:
    create_topic(broker, "hopline.spans", 1)
    with closing(KafkaProducer(bootstrap_servers=broker.address, acks="all", api_version=(4, 3))) as producer:
        for _ in range(position):
            producer.send("hopline.spans", value=b"x", partition=0).get(timeout=60)
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id="tests", enable_auto_commit=False)
    partition = TopicPartition("hopline.spans", 0)
    consumer.assign([partition])
    consumer.commit({partition: OffsetAndMetadata(position, "", -1)}, timeout_ms=60_000)
    consumer.close(autocommit=False)


def test_rewind_needs_a_broker(tmp_path: Path) -> None:
    """O2: a journal keeps nothing to go back to."""
    result = CliRunner().invoke(app, ["ledger", "rewind", "--data", str(tmp_path)])
    assert (result.exit_code, "--kafka" in result.output) == (2, True)
