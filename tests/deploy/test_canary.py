"""The canary: one known trace through the real door, read back in every way; what is wrong is told everywhere."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hopline_collector.known_trace import SERVICE, TAG, UID
from hopline_deploy import access
from hopline_deploy.canary.probe import WAYS, Probe, new_probe
from hopline_deploy.canary.rounds import DOOR, run_round
from hopline_deploy.remote import Remote, RemoteError
from hopline_deploy.settings import Settings, SettingsError
from support import wait_until
from support.certificate import make_certificate
from support.hopline_process import Server
from support.ports import lasting_ports

NOW = 1_795_000_000_000_000
RULES = """
[[rule]]
name = "known trace"
measure = "canary"
above = 0
"""


def right_by_way(client: httpx.Client) -> dict[str, float]:
    text = client.get("/metrics").text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {s.labels["way"]: s.value for s in samples if s.name == "hopline_canary_right"}


class Answers(Remote):
    """Right answers about a probe, but for one that `spoil` changes; the way in takes `accepted` rows."""

    def __init__(self, probe: Probe, spoil: Callable[[str, Any], Any] = lambda _path, answer: answer) -> None:
        super().__init__("http://127.0.0.1:9")
        self.probe = probe
        self.spoil = spoil
        self.accepted = 2

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        del path, headers
        assert len(json.loads(body)) == 2
        return json.dumps({"accepted": self.accepted, "rejected": []}).encode()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        took = self.probe.took_us
        trace = {"trace_id": self.probe.trace_id, "duration_us": took}
        root = {"service": SERVICE, "children": [{"name": "inside the canary"}]}
        answers: dict[str, Any] = {
            f"traces/{self.probe.trace_id}": trace | {"received": 2, "roots": [root]},
            "traces": {"traces": [trace]},
            "stats": {"services": [{"service": SERVICE, "calls": 1, "errors": 0}]},
        }
        answer: dict[str, Any] = self.spoil(path + str(sorted(params or ())), answers[path])
        return answer

    def read(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        assert params is None
        spans = [{"name": "canary", "duration": self.probe.took_us}, {"name": "inside the canary", "duration": 1}]
        return json.dumps(self.spoil(path, spans)).encode()


@pytest.mark.parametrize(
    ("path", "change", "wrong"),
    [
        (f"traces/{'0' * 31}7", {"received": 1}, {"id"}),
        (f"traces/{'0' * 31}7", {"duration_us": 1}, {"id"}),
        (f"traces/{'0' * 31}7", {"roots": []}, {"id"}),
        ("traces['from', 'limit', 'load_test', 'to', 'uid']", {"traces": []}, {"uid"}),
        ("traces['filter',", {"traces": []}, {"tag"}),
        ("traces['from', 'limit', 'load_test', 'service', 'to']", {"traces": []}, {"service", "figures"}),
        ("stats", {"services": []}, {"figures"}),
        ("stats", {"services": [{"service": SERVICE, "calls": 2, "errors": 0}]}, {"figures"}),
        ("stats", {"services": [{"service": SERVICE, "calls": 1, "errors": 1}]}, {"figures"}),
        ("stats", {"freshness": {}}, set()),
    ],
)
def test_every_change_of_an_answer_is_noticed(path: str, change: dict[str, Any], wrong: set[str]) -> None:
    """R7: a way that hides the trace, counts it otherwise or alters it is named, and no other way is."""
    probe = Probe(f"{7:032x}", NOW, "host")
    answers = Answers(probe, lambda asked, answer: {**answer, **change} if asked.startswith(path) else answer)
    done = run_round(answers, answers, probe, lambda _: True, 0.0)
    assert set(done.wrong) == wrong
    assert set(done.found_s) == set(WAYS) - wrong


def test_zipkins_dialect_and_the_door_are_judged() -> None:
    """R7: a span that Zipkin's answer lacks is noticed; rows that the door refuses end the round there."""
    probe = Probe(f"{7:032x}", NOW, "host")
    short = Answers(probe, lambda path, answer: answer[:1] if path.startswith("api/v2") else answer)
    assert set(run_round(short, short, probe, lambda _: True, 0.0).wrong) == {"zipkin"}
    short.accepted = 1
    assert set(run_round(short, short, probe, lambda _: True, 0.0).wrong) == {DOOR}


def test_a_way_that_comes_late_is_right() -> None:
    """R7: each way has until its deadline; its time is what it took."""
    probe, asked = Probe(f"{7:032x}", NOW, "host"), []

    def late(path: str, answer: Any) -> Any:
        asked.append(path)
        if path.startswith("stats") and sum(one.startswith("stats") for one in asked) < 4:
            raise RemoteError("not now", 503)
        return answer

    answers = Answers(probe, late)
    done = run_round(answers, answers, probe, lambda _: False, 60.0)
    assert done.wrong == {}
    assert done.found_s["figures"] >= max(done.found_s.values())


def test_ids_tell_their_second() -> None:
    """A probe is a native trace: its id begins with the seconds of its start."""
    assert int(new_probe("host", NOW).trace_id[:8], 16) == (NOW - 10_000) // 1_000_000


def test_wrong_settings_are_named() -> None:
    """Bad input: a canary that is neither on, off nor an address, and a pause out of range."""
    with pytest.raises(SettingsError, match="canary is 'sometimes'"):
        Settings(canary="sometimes")
    with pytest.raises(SettingsError, match="canary is"):
        Settings(canary="http://[x")
    with pytest.raises(SettingsError, match="canary_s is 0"):
        Settings(canary_s=0)
    assert not Settings(canary="off").runs_canary()
    assert Settings(canary="True").canary_address() == ""


def test_a_guarded_process_finds_its_own_trace(
    hopline_up: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R7: behind tokens, TLS and a base path every way is right; who does not ask for load tests sees none of it."""
    certificate, key = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    token, line = access.create("read")
    (tmp_path / "tokens").write_text(line)
    chosen = {"TOKENS": tmp_path / "tokens", "TLS_CERT": certificate, "TLS_KEY": key, "BASE_PATH": "/tracing"}
    for name, value in {**chosen, "CANARY": "on", "CANARY_S": 1}.items():
        monkeypatch.setenv(f"HOPLINE_{name}", str(value))
    server = hopline_up()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        everywhere = dict.fromkeys((DOOR, *WAYS), 1.0)
        wait_until(lambda: right_by_way(client) == everywhere, 90, what="a round that is right in every way")
        assert "canary" not in client.get("/health/ready").json()["troubles"]
        answers = [path for path, methods in client.get("/openapi.json").json()["paths"].items() if "get" in methods]
        plain = [path for path in answers if "{" not in path and path != "/metrics"]
        for path in (*plain, "/", "/search", "/map", "/system", "/api/v1/users/timeline?uid=hopline"):
            assert "canary" not in client.get(path).text, path
        asked = {"load_test": "only", "uid": UID}
        assert client.get("/api/v1/traces", params=asked).json()["count"] >= 1
        assert TAG in client.get("/api/v1/tags", params=asked).text


def test_a_door_that_is_away_is_told(
    hopline_up: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R7: what the last round found wrong stands in metrics, in health and in an alert; the process stays ready."""
    (tmp_path / "alerts.toml").write_text(RULES)
    monkeypatch.setenv("HOPLINE_ALERTS", str(tmp_path / "alerts.toml"))
    monkeypatch.setenv("HOPLINE_CANARY", f"http://127.0.0.1:{lasting_ports(1)[0]}")
    monkeypatch.setenv("HOPLINE_CANARY_S", "1")
    server = hopline_up()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        wait_until(lambda: right_by_way(client).get(DOOR) == 0.0, 90, what="a round that is wrong")
        answer = client.get("/health/ready")
        assert answer.status_code == 200
        assert answer.json()["troubles"]["canary"].startswith("door: ")

        def firing() -> list[dict[str, Any]]:
            return [alert for alert in server.get("alerts")["alerts"] if alert["state"] == "firing"]

        wait_until(firing, what="the alert")
        assert firing()[0]["rule"] == "known trace"
        assert firing()[0]["value"] == 1.0
