"""Who may write, read and administer: tokens with scopes, in front of every route.

A token file has a line per token: a scope (``write``, ``read`` or ``admin``, which
is both and more) and the SHA-256 of the token in hex; ``#`` begins a comment. Programs send
``Authorization: Bearer TOKEN``. A browser asks for a password (HTTP Basic, any user
name), which is the token.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

SCOPES: Final = ("write", "read", "admin")

_OPEN: Final = ("/health/live", "/health/ready", "/health")
"""What a load balancer asks without a token; the answers hold nothing that is stored."""

_ADMIN: Final = ("/api/v1/dead", "/api/v1/retention/run")
"""Below these, every method needs the scope ``admin``: raw bytes that no mask has seen, and deleting."""

_ADMIN_CHANGES: Final = ("/api/v1/pins",)
"""Below these, every method but reading: what stays for good, and what no longer does, is not a service's to say."""


class TokenError(ValueError):
    """The token file cannot be used; the message names the line."""


@dataclass(frozen=True, slots=True)
class Token:
    """One line of a token file."""

    scope: str
    digest: bytes


def load(path: Path) -> tuple[Token, ...]:
    """All tokens of a file. Raises `TokenError`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise TokenError(f"tokens: {error}") from None
    found = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if words:
            found.append(_parse(words, f"{path}, line {number}"))
    if not found:
        raise TokenError(f"{path} holds no token: hopline token makes one")
    return tuple(found)


def _parse(words: list[str], place: str) -> Token:
    if len(words) != 2 or words[0] not in SCOPES:
        raise TokenError(f"{place}: expected one of {', '.join(SCOPES)} and a SHA-256")
    try:
        digest = bytes.fromhex(words[1])
    except ValueError:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise TokenError(f"{place}: the second word is no SHA-256")
    return Token(words[0], digest)


def create(scope: str) -> tuple[str, str]:
    """A new token, and its line for the file."""
    token = secrets.token_urlsafe(32)
    return token, f"{scope} {hashlib.sha256(token.encode()).hexdigest()}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AccessMiddleware:
    """Lets requests pass that carry a token of the scope they need."""

    def __init__(self, app: ASGIApp, tokens: tuple[Token, ...]) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 (no token) or 403 (a token without the scope)."""
        path = scope["path"].removeprefix(scope.get("root_path", "")) if scope["type"] == "http" else ""
        if path in _OPEN or not path:
            await self._app(scope, receive, send)
            return
        needed = _needed(scope["method"], path)
        held = _scopes(self._tokens, Headers(scope=scope).get("authorization", ""))
        if held & {needed, "admin"}:
            await self._app(scope, receive, send)
            return
        await _refusal(known=bool(held), needed=needed)(scope, receive, send)


def writers_only(tokens: tuple[Token, ...]) -> Callable[[str], None]:
    """A look at the ``authorization`` of a call that raises RefusedError unless its token may write."""
    from hopline_collector.bodies import RefusedError  # here, for every verb imports this module

    def admit(authorization: str) -> None:
        held = _scopes(tokens, authorization)
        if not held:
            raise RefusedError(401, "unauthorized", "a token with scope write is needed")
        if not held & {"write", "admin"}:
            raise RefusedError(403, "forbidden", "this token may not write")

    return admit


def _scopes(tokens: tuple[Token, ...], authorization: str) -> set[str]:
    """Scopes of the token in a header; every digest is compared, in constant time."""
    digest = hashlib.sha256(_presented(authorization).encode()).digest()
    return {known.scope for known in tokens if hmac.compare_digest(known.digest, digest)}


def _needed(method: str, path: str) -> str:
    reads = method in {"GET", "HEAD"}
    if path.startswith(_ADMIN) or (path.startswith(_ADMIN_CHANGES) and not reads):
        return "admin"
    return "read" if reads else "write"


def _presented(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _refusal(*, known: bool, needed: str) -> JSONResponse:
    if known:
        return JSONResponse({"error": {"code": "forbidden", "message": f"this token may not {needed}"}}, 403)
    challenge = "Bearer" if needed == "write" else 'Basic realm="Hopline", charset="UTF-8"'
    body = {"error": {"code": "unauthorized", "message": f"a token with scope {needed} is needed"}}
    return JSONResponse(body, 401, headers={"WWW-Authenticate": challenge})
