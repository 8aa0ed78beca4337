"""Pinning, unpinning and running the retention from the command line."""

from typing import Any

import pytest
from typer.testing import CliRunner

from hopline_deploy.commands import app
from hopline_deploy.remote import Remote, RemoteError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    def answer(_: Remote, path: str, *rest: Any) -> dict[str, Any]:
        calls.append(path)
        if "unknown" in path:
            raise RemoteError("no row of this trace is stored", 404)
        part = {"table": "spans", "partition": "20251101", "rows": 5, "bytes": 99}
        return {"trace_id": path.rpartition("/")[2], "rows": 3, "partitions": [part]}

    monkeypatch.setattr(Remote, "post", answer)
    monkeypatch.setattr(Remote, "delete", answer)
    return calls


@pytest.mark.parametrize(
    ("words", "path", "says"),
    [
        (("pin", "ab"), "pins/ab", "ab is pinned, 3 rows"),
        (("unpin", "ab"), "pins/ab", "ab is not pinned any more"),
        (("retention", "run"), "retention/run", "1 partitions were dropped"),
        (("retention", "run", "--json"), "retention/run", '"partition": "20251101"'),
    ],
)
def test_verbs_ask_the_server(asked: list[str], words: tuple[str, ...], path: str, says: str) -> None:
    """C7: one verb per wish."""
    result = CliRunner().invoke(app, list(words))
    assert (result.exit_code, asked) == (0, [path])
    assert says in result.output


def test_an_unknown_trace_ends_with_1(asked: list[str]) -> None:
    """O2: exit code 1 and one line."""
    result = CliRunner().invoke(app, ["pin", "unknown"])
    assert result.exit_code == 1
    assert "no row of this trace" in result.output
