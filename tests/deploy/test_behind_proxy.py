"""Sign-in by a proxy, as docs/sign-in.md has it: people read through it, it names them, and it makes nobody admin."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hopline_collector.audit import WHO
from hopline_deploy import access
from hopline_deploy.behind_proxy import ProxyMiddleware
from hopline_deploy.settings import Settings, SettingsError
from support.hopline_process import Server

PAGE = Path(__file__).parents[2] / "docs" / "sign-in.md"


@contextmanager
def proxy(server: str, token: str) -> Iterator[str]:
    """As the documented one: who carries its cookie is alice, is named upstream, and borrows the read token."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if self.headers.get("Cookie") != "session=alice":
                self.send_response(302)
                self.send_header("Location", "https://login.example/authorize")
                self.end_headers()
                return
            taken = {"cookie", "authorization", "x-forwarded-user"}
            kept = {name: value for name, value in self.headers.items() if name.lower() not in taken}
            kept |= {"Authorization": f"Bearer {token}", "X-Forwarded-User": "alice", "Host": "tracing.example.org"}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = httpx.request(self.command, f"{server}{self.path}", headers=kept, content=body, timeout=60)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 (names of the library)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_people_read_through_it_and_nobody_administers(hopline_up: Callable[..., Server], tmp_path: Path) -> None:
    """A4: with the page's settings strangers sign in, users see pages and answers, none of them may administer."""
    token, line = access.create("read", "proxy")
    (tmp_path / "tokens").write_text(line)
    (shown,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "hopline.toml").write_text(shown.replace("/etc/hopline.tokens", str(tmp_path / "tokens")))
    server = hopline_up("--config", str(tmp_path / "hopline.toml"))
    with proxy(server.url, token) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert client.get("/").headers["Location"] == "https://login.example/authorize"
        alice = {"Cookie": "session=alice"}
        assert client.get("/", headers=alice).status_code == 200
        assert client.get("/api/v1/services", headers=alice).json()["services"] == []
        for path in ("erasures", "retention/run", "pins/" + "0" * 32):
            forged = alice | {"X-Forwarded-User": "root", "Authorization": "Basic cm9vdDpyb290"}
            assert client.post(f"/api/v1/{path}", headers=forged, json={"uid": "u"}).status_code == 403, path
    audit = [json.loads(text) for text in (tmp_path / "hopline" / "audit.jsonl").read_text().splitlines()]
    assert {entry["event"] for entry in audit} == {"refused"}


def who_after(guarded: bool, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    async def tell(_: Request) -> PlainTextResponse:
        return PlainTextResponse(WHO.get())

    inner = Starlette(routes=[Route("/{path:path}", tell, methods=["GET", "POST", "DELETE"])])
    app = ProxyMiddleware(inner, "X-Forwarded-User", guarded=guarded)

    async def ask() -> tuple[int, str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            answer = await client.request(method, path, headers=headers)
            return answer.status_code, answer.text

    return asyncio.run(ask())


def test_a_proxy_alone_makes_nobody_admin() -> None:
    """A4: without tokens, admin routes are closed to all; other routes are the proxy's business; a name is one line."""
    for method, path in (("GET", "/api/v1/dead"), ("POST", "/api/v1/erasures"), ("DELETE", "/api/v1/pins/ab")):
        assert who_after(False, path, method, **{"X-Forwarded-User": "root"})[0] == 403, path
    assert who_after(False, "/api/v1/pins/ab") == (200, "")
    assert who_after(True, "/api/v1/dead", **{"X-Forwarded-User": "alice\tb"}) == (200, "alice b")


def test_only_a_proxy_names_people() -> None:
    """Bad input: the header without a proxy is refused by name."""
    with pytest.raises(SettingsError, match="proxy_user_header"):
        Settings(proxy_user_header="X-Forwarded-User")
