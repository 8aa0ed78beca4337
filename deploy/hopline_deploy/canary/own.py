"""The canary of a server process: which doors it takes, and what opens them."""

import ssl
import urllib.request
from pathlib import Path
from typing import Final

from hopline_deploy import access
from hopline_deploy.remote import Remote
from hopline_deploy.settings import Settings

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (looked for, not listened on)


def own_tokens() -> tuple[dict[str, str], tuple[access.Token, ...]]:
    """Tokens of this process for its own canary, by scope, and the lines that let them in: kept in memory alone."""
    made = {scope: access.create(scope, "canary") for scope in ("write", "read")}
    lines = tuple(access.parse_line(line, "the canary's token") for _, line in made.values())
    return {scope: token for scope, (token, _) in made.items()}, lines


def own_address(settings: Settings, port: int) -> str:
    """Where this process answers itself."""
    host = _ANY.get(settings.listen_host, settings.listen_host)
    named = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls_cert else 'http'}://{named}:{port}{settings.base_path}"


def own_opener(settings: Settings) -> urllib.request.OpenerDirector:
    """Past any proxy; over TLS our own certificate is the one that is trusted, under whatever name."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if settings.tls_cert:
        context = ssl.create_default_context(cafile=str(Path(settings.tls_cert)))
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def doors(settings: Settings, port: int, tokens: dict[str, str]) -> tuple[Remote, Remote]:
    """Where the trace goes in, and where it is asked for: this process, whose port is `port`.

    Raises:
        RemoteError: setting `canary` is no address.

    """
    address, opener = own_address(settings, port), own_opener(settings)
    reader = Remote(address, tokens.get("read", ""), opener)
    if settings.canary_address():
        return Remote(settings.canary_address(), settings.canary_token), reader
    return Remote(address, tokens.get("write", ""), opener), reader
