"""Running the tools over stdio, or over streamable HTTP on this machine behind the token of the Hopline asked."""

import hmac
import logging

import typer
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hopline_deploy.agents.server import create_server
from hopline_deploy.agents.tools import Tools
from hopline_deploy.options import fail
from hopline_deploy.remote import Remote
from hopline_deploy.server import Address, PortTakenError, listen, serve, url

_HOST = "127.0.0.1"


def over_stdio(remote: Remote) -> None:
    """Until stdin ends."""
    logging.basicConfig(level=logging.ERROR)
    create_server(Tools(remote)).run("stdio")


def over_http(remote: Remote, port: int, token: str) -> None:
    """Until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.ERROR)
    app: ASGIApp = create_server(Tools(remote)).streamable_http_app(stateless_http=True, json_response=True, host=_HOST)
    try:
        socket, _ = listen(Address(_HOST, port, named=True))
    except PortTakenError as error:
        fail(error)
    typer.echo(f"Hopline mcp: {url(socket)}/mcp", err=True)
    serve(_Guarded(app, token) if token else app, [socket], shutdown_s=2)


class _Guarded:
    """Lets in who shows the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        shown = Headers(scope=scope).get("authorization", "") if scope["type"] == "http" else ""
        if scope["type"] == "http" and not hmac.compare_digest(shown.encode(), self._expected):
            refusal = PlainTextResponse("a token is needed", 401, {"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
