"""R5: who may write and read."""

import asyncio
import base64
import os
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from typer.testing import CliRunner

from hopline_deploy.access import AccessMiddleware, TokenError, TokenFile, create, is_loopback, load
from hopline_deploy.commands import app
from hopline_deploy.settings import SettingsError
from hopline_deploy.settings import load as load_settings
from support import Children
from support.hopline_process import Server


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """A token per scope; the file is ``tokens`` in the test's folder."""
    made = {scope: create(scope) for scope in ("write", "read", "admin")}
    lines = ["# one per line", "", *(line for _, line in made.values())]
    (tmp_path / "tokens").write_text("\n".join(lines))
    return {scope: token for scope, (token, _) in made.items()}


class Client:
    """Asks an application in this process."""

    def __init__(self, asked: ASGIApp) -> None:
        self._asked = asked

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._asked)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())


@pytest.fixture
def client(tokens: dict[str, str], tmp_path: Path) -> Client:
    def here(_: object) -> PlainTextResponse:
        return PlainTextResponse("in")

    paths = ("/", "/health/live", "/api/v1/spans", "/api/v1/dead", "/api/v1/retention/run", "/api/v1/retention/plan")
    routes = [Route(path, here, methods=["GET", "POST", "DELETE"]) for path in (*paths, "/api/v1/pins/ab")]
    inner = Starlette(routes=routes)
    return Client(AccessMiddleware(inner, TokenFile(tmp_path / "tokens")))


@pytest.mark.parametrize(
    ("scope", "method", "status"),
    [
        ("read", "GET", 200),
        ("read", "POST", 403),
        ("write", "POST", 200),
        ("write", "GET", 403),
        ("admin", "GET", 200),
        ("admin", "POST", 200),
    ],
)
def test_a_scope_opens_what_it_names(client, tokens, scope: str, method: str, status: int) -> None:
    """R5: write sends spans, read sees them, admin does both."""
    answer = client.request(method, "/", headers={"Authorization": f"Bearer {tokens[scope]}"})
    assert answer.status_code == status


def test_a_browser_is_asked_for_a_password(client, tokens) -> None:
    """R5: pages are open to a browser whose password is a token."""
    refused = client.request("GET", "/")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert client.request("GET", "/", auth=("anyone", tokens["read"])).text == "in"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer wrong", "Basic ???", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Digest x"],
)
def test_anything_else_is_refused(client, header: str) -> None:
    """R5: malformed and unknown credentials are 401, never an error."""
    assert client.request("POST", "/api/v1/spans", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("write", 403), ("admin", 200)])
def test_dead_letters_are_for_administrators(client, tokens, scope: str, status: int) -> None:
    """R5: raw bytes may hold what no mask has seen."""
    answer = client.request("GET", "/api/v1/dead", headers={"Authorization": f"Bearer {tokens[scope]}"})
    assert answer.status_code == status


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("write", 403), ("admin", 200)])
def test_retention_is_run_by_administrators(client, tokens, scope: str, status: int) -> None:
    """R5: a service's token sends spans and deletes none; what would go is open to readers."""
    header = {"Authorization": f"Bearer {tokens[scope]}"}
    assert client.request("POST", "/api/v1/retention/run", headers=header).status_code == status
    plan = client.request("GET", "/api/v1/retention/plan", headers={"Authorization": f"Bearer {tokens['read']}"})
    assert plan.status_code == 200


@pytest.mark.parametrize(
    ("scope", "method", "status"),
    [("read", "GET", 200), ("read", "POST", 403), ("write", "POST", 403), ("write", "DELETE", 403)]
    + [("admin", method, 200) for method in ("GET", "POST", "DELETE")],
)
def test_pins_are_changed_by_administrators(client, tokens, scope: str, method: str, status: int) -> None:
    """R5: a service's token sends spans; what is kept for good, and what no longer, is not its to say."""
    header = {"Authorization": f"Bearer {tokens[scope]}"}
    assert client.request(method, "/api/v1/pins/ab", headers=header).status_code == status


def test_health_needs_no_token(client) -> None:
    """A load balancer asks without a token."""
    assert client.request("GET", "/health/live").status_code == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "holds no token"), ("read abc", "no SHA-256"), ("own " + "0" * 64, "expected one of"), ("read", "expected")],
)
def test_a_bad_token_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    """R5: a file that lets nobody in, or that is misspelt, is refused at start."""
    (tmp_path / "tokens").write_text(text)
    with pytest.raises(TokenError, match=says):
        load(tmp_path / "tokens")


def test_strangers_need_a_token_or_a_proxy() -> None:
    """R5: binding beyond loopback is refused without tokens or an explicit word."""
    with pytest.raises(SettingsError, match="tokens"):
        load_settings({"listen_host": "0.0.0.0"}, {})
    assert load_settings({"listen_host": "0.0.0.0"}, {"HOPLINE_BEHIND_PROXY": "1"}).settings.behind_proxy
    assert load_settings({"listen_host": "::"}, {"HOPLINE_TOKENS": "/t"}).settings.tokens == "/t"
    assert [is_loopback(h) for h in ("127.0.0.2", "::1", "localhost", "10.0.0.1", "example")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_the_token_verb() -> None:
    """O2: the token goes to stdout, what the server keeps to stderr."""
    answer = CliRunner().invoke(app, ["token", "--scope", "write"])
    assert answer.stdout.strip() not in answer.stderr
    assert "write " in answer.stderr
    assert CliRunner().invoke(app, ["token", "--scope", "all"]).exit_code == 2


def test_a_server_with_tokens(hopline_up: Callable[..., Server], tokens: dict[str, str], tmp_path: Path) -> None:
    """R5: the running process refuses strangers; secrets are in no log."""
    config = tmp_path / "hopline.toml"
    config.write_text(f'tokens = "{tmp_path / "tokens"}"\n')
    server = hopline_up("--config", str(config))
    assert httpx.get(f"{server.url}/api/v1/services", timeout=60).status_code == 401
    allowed = httpx.get(
        f"{server.url}/api/v1/services", headers={"Authorization": f"Bearer {tokens['read']}"}, timeout=60
    )
    assert allowed.status_code == 200
    assert not any(token in server.child.output for token in tokens.values())


def test_tls_by_setting(children: Children, tmp_path: Path) -> None:
    """R5: HTTPS with a certificate of one's own."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*make.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    environment = {"HOPLINE_TLS_CERT": str(tmp_path / "cert.pem"), "HOPLINE_TLS_KEY": str(tmp_path / "key.pem")}
    arguments = ["collector", "--port", "0", "--otlp-port", "0", "--data", str(tmp_path / "d")]
    child = children.python("-m", "hopline_deploy", *arguments, env=environment)
    url = child.wait_for_text("Hopline collector: ").split()[2]
    assert url.startswith("https://")
    trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    assert httpx.get(f"{url}/health/live", verify=trusted, timeout=60).status_code == 200


def test_tokens_end_and_are_revoked_without_a_restart(tmp_path: Path) -> None:
    """A4: an ended token opens nothing; lines taken out or added count within a second; half a line counts for none."""
    now = [0.0]
    ci_line, ended_line = create("read", "ci")[1], create("read", "old", "2026-11-18T00:00:00Z")[1]
    file = tmp_path / "tokens"
    file.write_text(f"{ci_line}\n{ended_line}\n")
    known = TokenFile(file, clock=lambda: now[0])
    assert {token.name for token in known()} == {"ci", "old"}
    now[0] = 1_795_000_000.0
    assert [token.name for token in known()] == ["ci"]
    file.write_text(ended_line.replace("until=2026", "until=2036") + "\n" + ci_line[:20])
    now[0] += 1
    assert [token.name for token in known()] == ["old"]
    file.unlink()
    now[0] += 1
    assert known() == ()


def test_a_line_that_is_being_written_does_not_count_yet(tmp_path: Path) -> None:
    """Bad input: of a file written bit by bit no line counts without the words that bind it; a whole one soon does."""
    file, now = tmp_path / "tokens", [1_790_000_000.0]

    def write(text: str) -> None:
        file.write_text(text)
        now[0] += 1
        os.utime(file, (now[0] - 0.1, now[0] - 0.1))

    _, first = create("read", "first")
    _, second = create("read", "second", "2036-01-01T00:00:00Z", "shop-,pay")
    write(f"{first}\n")
    known = TokenFile(file, clock=lambda: now[0])
    whole = f"{first}\n{second}"
    for cut in range(1, len(whole)):
        write(whole[:cut])
        assert all(token.name == "first" for token in known()), cut
    write(whole)
    assert [token.name for token in known()] == ["first"]
    now[0] += 0.6
    assert [token.name for token in known()] == ["first", "second"]
    write(f"{second}\n")
    assert [(token.name, token.services) for token in known()] == [("second", ("shop-", "pay"))]


@pytest.mark.parametrize("rest", ["until=tomorrow", "until=2027-01-01T00:00:00", "nme=x", "name="])
def test_what_a_line_of_a_token_may_not_say(tmp_path: Path, rest: str) -> None:
    """A4: a wrong end or word is named with its line."""
    (tmp_path / "tokens").write_text(f"{create('read')[1]} {rest}\n")
    with pytest.raises(TokenError, match="line 1"):
        load(tmp_path / "tokens")
    assert CliRunner().invoke(app, ["token", "--until", "never"]).exit_code == 2
