"""Where the command begins: `hopline run`, completion, and an install without the server's parts."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kafka import KafkaProducer
from typer.testing import CliRunner

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_deploy.broker import Broker
from hopline_deploy.commands import app
from support import Children, wait_until
from support.clickhouse_server import Server as ClickHouseServer
from support.filled import fill
from support.hopline_process import Server

DAY_US = 86_400_000_000

VERBS = ["up", "collector", "query", "demo", "run", "migrate", "config", "doctor", "trace", "search", "export", "token"]


def test_help_lists_every_verb() -> None:
    """O2: one command with verbs."""
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert [verb for verb in VERBS if f" {verb} " not in text] == []


def test_run_takes_the_place_of_hopline(children: Children) -> None:
    """I6: the program runs with our settings, under the same process id and with its own exit code."""
    program = "import os, sys; print('pid', os.getpid(), os.environ['HOPLINE_SERVICE']); sys.exit(7)"
    child = children.python("-m", "hopline_deploy", "run", "--service", "shop", "--", sys.executable, "-c", program)
    assert child.wait(60) == 7
    assert f"pid {child.pid} shop" in child.output


def test_the_base_install_can_run(children: Children, tmp_path: Path) -> None:
    """I13, O2: without typer `hopline run` works, and the other verbs say what to install."""
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')\n")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    ran = children.python("-m", "hopline_deploy", "run", "--", sys.executable, "-c", "print('ran')", env=env)
    assert ran.wait(60) == 0
    assert "ran" in ran.output
    refused = children.python("-m", "hopline_deploy", "up", env=env)
    assert refused.wait(60) == 1
    assert "typer is missing: pip install 'hopline[server]'" in refused.output


def test_the_shell_can_complete(children: Children) -> None:
    """O2: shell completion knows the verbs (`hopline --install-completion` sets it up)."""
    asked = {"_HOPLINE_COMPLETE": "complete_bash", "COMP_WORDS": "hopline d", "COMP_CWORD": "1"}
    child = children.python("-m", "hopline_deploy", env=asked)
    child.wait(60)
    assert set(child.output.split()) == {"dead", "demo", "differs", "doctor"}


def hopline(children: Children, *arguments: str) -> str:
    """Output of a verb that ends with 0."""
    child = children.python("-m", "hopline_deploy", *arguments)
    assert child.wait(60) == 0, child.output
    return child.output


def test_dead_letters_are_listed_shown_and_replayed(
    own_broker: Broker, children: Children, hopline_up: Callable[..., Server]
) -> None:
    """C3: a message that cannot be decoded can be listed, looked at and handed in again, each once."""
    server = hopline_up("--kafka", own_broker.address)
    producer = KafkaProducer(bootstrap_servers=own_broker.address)
    producer.send("hopline.spans", b"this is no message").get(timeout=60)
    producer.close()

    def waiting() -> list[dict[str, object]]:
        return json.loads(hopline(children, "dead", "list", "--json", "--server", server.url))["letters"]

    (letter,) = wait_until(waiting, interval=0.3)
    name = str(letter["id"])
    assert name in hopline(children, "dead", "list", "--server", server.url)
    assert "this is no message" in hopline(children, "dead", "show", name, "--server", server.url)
    assert "replayed 1" in hopline(children, "dead", "replay", name, "--server", server.url)
    again = children.python("-m", "hopline_deploy", "dead", "replay", name, "--server", server.url)
    assert again.wait(60) == 1
    assert f"left {name}" in again.output
    assert children.python("-m", "hopline_deploy", "dead", "replay", "--server", server.url).wait(60) == 2


def test_retention_plan_names_what_would_go(children: Children, clickhouse: ClickHouseServer) -> None:
    """C7: `hopline retention plan` shows what would be dropped before it is."""
    settings = StoreSettings(url=clickhouse.url, database="kept_for_days")
    store = ClickHouse(settings)
    migrate(store)
    now = time.time_ns() // 1000
    fill(store, traces=4, from_us=now - 20 * DAY_US, to_us=now - 20 * DAY_US + 1_000_000)
    fill(store, traces=4, from_us=now - 1_000_000, to_us=now)
    store.close()
    flags = ("--clickhouse", clickhouse.url, "--database", settings.database)
    planned = json.loads(hopline(children, "retention", "plan", "--json", *flags))
    clickhouse.execute(f"DROP DATABASE {settings.database}")
    assert [part["rows"] for part in planned if part["table"] == "spans"] == [40]
    assert not [part for part in planned if part["table"] == "stats_1h"]
