"""Every verb under wrong input: one line, an exit code, never a traceback."""

import re
import socket

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hopline_deploy.commands import app
from hopline_deploy.verbs import unknown
from support import Children

COMMAND = typer.main.get_command(app)
SERVING = {"up", "collector", "query", "demo", "run", "mcp", "top", "tail"}
"""They would start; their wrong input is tried in `test_servers_refuse_in_one_line`."""


def _verbs(group: typer.core.TyperGroup, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        deeper = isinstance(command, typer.core.TyperGroup)
        found += _verbs(command, (*above, name)) if deeper else [(*above, name)]
    return [verb for verb in found if verb[0] not in SERVING]


VERBS = _verbs(COMMAND)
ODD = st.sampled_from(
    ["", " ", "-", "--", "0", "-1", "999999999999999999999", "\x00", "\n", "[/b]", "é\u202e", "http://[", "http://a b",
     "http://127.0.0.1:9", "http://127.0.0.1:99999", "ftp://x", "file:///etc/passwd", "/dev/null", "/proc/self/mem",
     "/no/such/place", "now-1h", "{", "a=b", "\ud800", "true", "%00", "..", "//", "?service=a", "http://h/?x=%zz"]
)  # fmt: skip
OPTIONS = st.sampled_from(
    ["--server", "--token", "--config", "--data", "--clickhouse", "--database", "--limit", "--json", "--format",
     "--output", "--from", "--filter", "--order-by", "--kafka", "--scope", "--reason", "--dry-run", "--nonsense", "-h"]
)  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOPLINE_SERVER", "http://127.0.0.1:9")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verb=st.sampled_from(VERBS), words=st.lists(st.one_of(ODD, OPTIONS), max_size=5))
def test_no_input_makes_a_traceback(verb: tuple[str, ...], words: list[str]) -> None:
    """A8: whatever stands behind a verb, it ends with 0, 1 or 2, and a failure says what is wrong."""
    # An engine or a broker that is really asked belongs to the tests of those verbs.
    words = [word for word in words if word not in {"--clickhouse", "--kafka"}]
    answer = CliRunner().invoke(app, [*verb, *words])
    assert answer.exit_code in {0, 1, 2}, answer.exception
    assert answer.exception is None or isinstance(answer.exception, SystemExit)
    assert "Traceback" not in answer.output + answer.stderr
    assert answer.exit_code == 0 or answer.stderr.strip() or answer.output.strip()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["up", "--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["up", "--port", "99999"], "port is 99999: use 0 to 65535"),
        (["up", "--config", "/no/such"], "file /no/such"),
        (["query", "--port", "0", "--data", "/dev/null"], "/dev/null"),
        (["collector", "--clickhouse", "http://a,http://b"], "name their cluster"),
    ],
)
def test_servers_refuse_in_one_line(children: Children, words: list[str], says: str) -> None:
    """A8: what keeps a server from starting is said in one line."""
    child = children.python("-m", "hopline_deploy", *words, env={"HOPLINE_BEHIND_PROXY": "true"})
    assert child.wait(60) in {1, 2}
    assert re.fullmatch(r"hopline: [^\n]+\n", child.output)
    assert says in child.output


def test_a_port_that_was_named_is_never_exchanged(children: Children) -> None:
    """A8: a port of the environment or of a file is as binding as one of a flag."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        child = children.python("-m", "hopline_deploy", "up", env={"HOPLINE_PORT": port})
        assert child.wait(60) == 2
        assert f"port {port} is held by process" in child.output


def test_unknown_names_of_the_environment_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A8: a misspelt HOPLINE_ name is named, with the one that was likely meant; those of the client are known."""
    assert unknown({"HOPLINE_PROT": "1", "PATH": ""}) == ["there is no setting HOPLINE_PROT; is HOPLINE_PORT meant?"]
    assert unknown({"HOPLINE_SAMPLE": "1", "HOPLINE_CONFIG": "x", "HOPLINE_TOKEN": "y"}) == []
    monkeypatch.setenv("HOPLINE_KAFAK", "x")
    assert "HOPLINE_KAFAK; is HOPLINE_KAFKA meant?" in CliRunner().invoke(app, ["config"]).stderr


def test_version() -> None:
    """A8: `hopline --version` prints it."""
    answer = CliRunner().invoke(app, ["--version"])
    assert (answer.exit_code, answer.output[:8]) == (0, "hopline ")
