"""``hopline mcp``: a server of the Model Context Protocol over a running Hopline."""

from typing import Annotated

import typer

from hopline_deploy.commands_read import SERVER_DEFAULT, Server, Token
from hopline_deploy.options import fail
from hopline_deploy.remote import Remote, RemoteError


def mcp(
    *,
    http: Annotated[int, typer.Option(help="Streamable HTTP on this port of 127.0.0.1, path /mcp [stdio].")] = 0,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
) -> None:
    """Answer agents' questions about what a server holds. Over HTTP a caller shows the server's own token."""
    try:
        from hopline_deploy.agents.serving import over_http, over_stdio
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("hopline"):
            raise
        fail(f"{error.name} is missing: pip install 'hopline[mcp]'", 1)
    try:
        remote = Remote(server, token)
    except RemoteError as error:
        fail(error)
    if not 0 <= http <= 65_535:
        fail(f"--http is {http}: use 1 to 65535")
    if http:
        over_http(remote, http, token)
    else:
        over_stdio(remote)


def add_to(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(mcp)
