"""`hopline backup` and `hopline restore`, from outside: the same answers from the restored store."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import Children, wait_until
from support.accounts import wait_handed_over
from support.hopline_process import Server


def rows(count: int) -> list[dict[str, Any]]:
    now = time.time_ns() // 1000 - 5_000_000
    plain = {"span_id": "0", "kind": "server", "service": "shop", "name": "GET /", "duration_us": 1_000, "uid": "u-1"}
    return [plain | {"trace_id": f"{n:032x}", "id": f"{n:016x}", "start_us": now + n} for n in range(1, count + 1)]


def hopline(children: Children, *words: str) -> tuple[int, str]:
    child = children.python("-m", "hopline_deploy", *words)
    return child.wait(120), child.output


def test_the_restored_store_answers_alike(
    children: Children, hopline_up: Callable[..., Server], tmp_path: Path
) -> None:
    """A7: of a running server; answers of the restored one are the same; nothing is overwritten."""
    server = hopline_up()
    httpx.post(f"{server.url}/api/v1/spans", json=rows(500), timeout=60).raise_for_status()
    wait_until(lambda: server.get("traces")["count"] == 500, what="rows stored")
    wait_handed_over(server.url)
    kept = tmp_path / "backups" / "monday"
    code, output = hopline(children, "backup", "--to", str(kept), "--server", server.url, "--json")
    assert code == 0, output
    assert json.loads(output)["bytes"] > 0
    assert hopline(children, "backup", "--to", str(kept), "--server", server.url)[0] == 2
    code, output = hopline(children, "restore", "--from", str(kept), "--data", str(tmp_path / "again"), "--json")
    assert code == 0, output
    assert json.loads(output)["spans"] == 500
    assert hopline(children, "restore", "--from", str(kept), "--data", str(tmp_path / "again"))[0] == 1
    again = hopline_up("--data", str(tmp_path / "again"))
    for path, params in (("traces", {"limit": "500"}), ("users/timeline", {"uid": "u-1"})):
        ours, theirs = ([t["trace_id"] for t in s.get(path, **params)["traces"]] for s in (server, again))
        assert ours == theirs
    assert again.get(f"traces/{7:032x}")["spans"] == 1


@pytest.mark.parametrize("source", ["nothing", "file"])
def test_what_is_no_backup(children: Children, tmp_path: Path, source: str) -> None:
    """A7: a wrong folder is named, and leaves no half store."""
    (tmp_path / "file").write_text("")
    words = ("restore", "--from", str(tmp_path / source), "--data", str(tmp_path / "d"))
    code, output = hopline(children, *words)
    assert code == 1
    assert "is no backup" in output
    assert not (tmp_path / "d" / "clickhouse").exists()
