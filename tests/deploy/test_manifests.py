"""O3: what runs Hopline elsewhere names settings, verbs and metrics that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from hopline_collector.metrics import Metrics
from hopline_deploy.commands import app
from hopline_deploy.settings import PREFIX, table

MANIFESTS = Path(__file__).parents[2] / "deploy/manifests"
FILES = sorted(path for path in MANIFESTS.rglob("*") if path.is_file())
VERBS = {command.name or command.callback.__name__ for command in app.registered_commands}

_GAUGES = {"hopline_lag_messages", "hopline_ledger_rows", "hopline_ledger_imbalance"}
"""Made at each scrape from the store and the hand-over."""


def walk(value: Any):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_settings_exist(path: Path) -> None:
    """Every HOPLINE_* that is set is a setting of the server."""
    known = {PREFIX + name.upper() for name, _, _ in table()}
    assert set(re.findall(r"\bHOPLINE_[A-Z_]+\b", path.read_text())) <= known


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".yaml"], ids=lambda p: p.name)
def test_yaml_parses_and_names_verbs(path: Path) -> None:
    """Each file parses; the first argument of each Hopline container is a verb."""
    documents = list(yaml.safe_load_all(path.read_text()))
    assert all(documents)
    for value in walk(documents):
        if isinstance(value, dict) and value.get("image") == "hopline":
            assert (value.get("command") or value.get("args") or ["up"])[0] in VERBS


def test_units_call_verbs() -> None:
    """The systemd units call verbs with flags that exist."""
    for path in MANIFESTS.glob("systemd/*.service"):
        command = re.search(r"^ExecStart=\S+/hopline (\S+)", path.read_text(), re.MULTILINE)
        assert command
        assert command[1] in VERBS


def test_dashboard_shows_metrics_that_exist() -> None:
    """Each expression of the dashboard reads a metric of the collector."""
    exposed = set(re.findall(r"# TYPE (\S+)", generate_latest(Metrics(None).registry).decode())) | _GAUGES
    board = json.loads((MANIFESTS / "grafana/provisioning/dashboards/hopline.json").read_text())
    read = {
        name for panel in board["panels"] for t in panel["targets"] for name in re.findall(r"hopline_\w+", t["expr"])
    }
    assert {name.removesuffix("_bucket") for name in read} <= exposed
    assert len(read) >= len(board["panels"]) - 1
