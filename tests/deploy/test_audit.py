"""What the audit log says: who did what, and never a secret or an id."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from hopline_collector.door.refusals import Refusals
from hopline_deploy import access
from support import wait_until
from support.hopline_process import Server
from support.wire_rows import wire_message, wire_row

WRONG = "not-a-token-anybody-has"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_administrators_do_is_written_down(
    hopline_up: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A4: pins, retention, replays, erasures, refused tokens have a line with who asked; secrets, ids are digests."""
    ana, line = access.create("admin", name="ana")
    reader, other = access.create("read")
    (tmp_path / "tokens").write_text(f"{line}\n{other}\n")
    monkeypatch.setenv("HOPLINE_TOKENS", str(tmp_path / "tokens"))
    server = hopline_up()

    def ask(method: str, path: str, token: str = ana, **how: Any) -> int:
        headers = {"Authorization": f"Bearer {token}"} | how.pop("headers", {})
        return httpx.request(method, f"{server.url}/api/v1/{path}", headers=headers, timeout=60, **how).status_code

    form = {"content-type": "application/msgpack"}
    assert ask("POST", "spans", content=wire_message(wire_row(1)), headers=form) == 202
    trace = f"{1:032x}"
    wait_until(lambda: ask("POST", f"pins/{trace}") == 200, what="the trace")
    assert ask("DELETE", f"pins/{trace}") == 200
    assert ask("POST", "retention/run") == 200
    assert ask("POST", "dead/replay", json={"reason": "malformed"}) == 200
    assert [ask("GET", "services", WRONG) for _ in range(3)] == [401] * 3
    assert ask("POST", "retention/run", reader) == 403
    assert ask("POST", "erasures", json={"uid": "u-nobody"}) in {200, 202}
    path = tmp_path / "hopline/audit.jsonl"
    wait_until(lambda: '"erase"' in path.read_text(), what="the erasure")
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    known = {"pin": sha256(trace), "unpin": sha256(trace), "erase": sha256("u-nobody")}
    assert [(one["event"], one["sha256"], one["by"]) for one in lines if one["event"] in known] == [
        (event, secret, "ana") for event, secret in known.items()
    ]
    assert [(one["replayed"], one["by"]) for one in lines if one["event"] == "replay"] == [(0, "ana")]
    refused = [(one["status"], one["sha256"], one["needed"]) for one in lines if one["event"] == "refused"]
    assert refused == [(401, sha256(WRONG), "read"), (403, sha256(reader), "admin")]
    assert path.stat().st_mode & 0o777 == 0o600
    for secret in (ana, reader, WRONG, trace, "u-nobody"):
        assert secret not in path.read_text()


def test_tokens_that_are_tried_fill_no_disk() -> None:
    """A4, R5: each refusal counts; of tokens that somebody tries at most a hundred a minute have a line."""
    lines: list[Any] = []
    now = [0.0]
    registry = CollectorRegistry()

    def record(_event: str, **facts: Any) -> None:
        lines.append(facts)

    refusals = Refusals(registry, record, clock=lambda: now[0])
    for number in range(1_000):
        refusals.note(401, f"try {number}", "read", "10.0.0.1")
    refusals.note(401, "", "read", "10.0.0.1")
    assert len(lines) == 100
    now[0] = 60.0
    refusals.note(401, "try 0", "read", "10.0.0.1")
    assert len(lines) == 101
    assert registry.get_sample_value("hopline_refused_tokens_total", {"status": "401"}) == 1_002
