"""What every process tells Prometheus, by the conventions, and the alerts made of it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from hopline_deploy import access
from support import wait_until
from support.hopline_process import Server
from support.wire_rows import wire_message, wire_row

DASHBOARD = Path(__file__).parents[2] / "deploy/manifests/grafana/provisioning/dashboards/hopline.json"
RULES = Path(__file__).parents[2] / "deploy/manifests/prometheus/hopline.rules.yaml"
KINDS = {"_total": "counter", "_bucket": "histogram"}
UNITS = re.compile(r"_(milliseconds|ms|us|minutes|hours|days|kilobytes|megabytes|kb|mb|percent)(_|$)")


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(url: str, name: str, headers: dict[str, str], **labels: str) -> float:
    found = families(httpx.get(f"{url}/metrics", headers=headers, timeout=60).text)
    samples = (s for family in found.values() for s in family.samples)
    return next((s.value for s in samples if s.name == name and labels.items() <= s.labels.items()), -1.0)


@pytest.fixture
def guarded(
    hopline_up: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Server, dict[str, str]]:
    """A server with a token file and a file of alerts, and the header that opens it."""
    token, line = access.create("admin")
    (tmp_path / "tokens").write_text(line)
    (tmp_path / "alerts.toml").write_text("")
    monkeypatch.setenv("HOPLINE_TOKENS", str(tmp_path / "tokens"))
    monkeypatch.setenv("HOPLINE_ALERTS", str(tmp_path / "alerts.toml"))
    monkeypatch.setenv("HOPLINE_CANARY", "on")
    monkeypatch.setenv("HOPLINE_CANARY_S", "1")
    return hopline_up(), {"Authorization": f"Bearer {token}"}


def test_a_process_tells_how_it_fares(guarded: tuple[Server, dict[str, str]]) -> None:
    """A2: build, statements, sizes, age, refusals stand in /metrics, as promtool wants them; alerts read only these."""
    server, shown = guarded
    body, form = wire_message(wire_row(1)), {"content-type": "application/msgpack"}
    assert httpx.post(f"{server.url}/api/v1/spans", content=body, headers=form | shown, timeout=60).status_code == 202
    assert httpx.post(f"{server.url}/api/v1/spans", content=body, headers=form, timeout=60).status_code == 401
    assert (
        httpx.get(f"{server.url}/api/v1/services", headers={"Authorization": "Bearer no"}, timeout=60).status_code
        == 401
    )
    wait_until(lambda: value(server.url, "hopline_rows_total", shown, account="stored") >= 3, what="the rows")
    wait_until(lambda: value(server.url, "hopline_canary_right", shown, way="zipkin") == 1, what="the canary")
    for name, labels, least in (
        ("hopline_build_info", {}, 1),
        ("hopline_store_up", {}, 1),
        ("hopline_store_insert_seconds_count", {}, 2),
        ("hopline_store_query_seconds_count", {}, 1),
        ("hopline_store_failures_total", {"statement": "insert", "reason": "away"}, 0),
        ("hopline_refused_tokens_total", {"status": "401"}, 2),
        ("hopline_data_age_seconds", {}, 0),
        ("hopline_store_bytes", {}, 1),
        ("hopline_disk_free_bytes", {}, 1),
        ("hopline_journal_bytes", {}, 0),
        ("hopline_journal_limit_bytes", {}, 1),
    ):
        assert value(server.url, name, shown, **labels) >= least, name
    text = httpx.get(f"{server.url}/metrics", headers=shown, timeout=60).text
    assert faults(text) == []
    exposed = {sample.name for family in families(text).values() for sample in family.samples}
    exposed |= set(re.findall(r"# TYPE (\S+)", text)) | {"up"}
    assert {name for _, names in alerts() for name in names} <= exposed
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expressions = [[target["expr"] for target in panel["targets"]] for panel in panels]
    assert all(re.search(r"hopline_\w+", expression) for panel in expressions for expression in panel)
    assert {name for panel in expressions for text in panel for name in re.findall(r"hopline_\w+", text)} <= exposed
    assert len({panel["title"] for panel in panels}) == len(panels) >= 16


def faults(text: str) -> list[str]:
    """What promtool's lint would say: help, suffix by kind, base units, names of labels."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helped = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    labels = set(re.findall(r'[{,](\w+)="', text))
    found = [f"{name} has no help" for name in kinds if name not in helped]
    found += [f"{name} is no counter" for name, kind in kinds.items() if name.endswith("_total") != (kind == "counter")]
    found += [f"{name} ends as a part" for name in kinds if name.endswith(("_count", "_sum", "_bucket"))]
    found += [f"{name} has no base unit" for name in kinds if UNITS.search(name)]
    found += [f"{name} names its kind" for name in kinds if re.search(r"_(counter|gauge|histogram|summary)$", name)]
    return found + [f"label {label}" for label in labels if not re.fullmatch(r"[a-z_]+", label)]


def alerts() -> list[tuple[str, set[str]]]:
    """Each alert with the metrics that it reads."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    return [(rule["alert"], set(re.findall(r"\b(?:hopline_\w+|up)\b", rule["expr"]))) for rule in rules]


def test_alerts_are_complete() -> None:
    """A2: each alert reads a metric, says how bad it is, what happened and what to do; names are told apart."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    names = [rule["alert"] for rule in rules]
    assert len(names) == len(set(names)) >= 15
    for rule, (_, read) in zip(rules, alerts(), strict=True):
        assert read
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "action"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
