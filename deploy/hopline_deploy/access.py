"""Who may write, read and administer: tokens with scopes, in front of every route.

A token file has a line per token: a scope (``write``, ``read`` or ``admin``, which
is both and more), the SHA-256 of the token in hex, and if wanted ``name=NAME``,
``until=TIME`` (RFC 3339), after which it is good for nothing, and for ``write`` and ``read``
``services=PREFIX,PREFIX``: it may send rows, or see figures, of no other service
(`hopline_deploy.own_figures`). ``#`` begins a comment.
The file is looked at again every half second, so a line taken out is a token revoked. Programs send
``Authorization: Bearer TOKEN``. A browser asks for a password (HTTP Basic, any user
name), which is the token.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import logging
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hopline_collector.audit import WHO
from hopline_collector.door.sender import PREFIXES, SEEN
from hopline_deploy import own_figures
from hopline_deploy.base_path import below

log = logging.getLogger(__name__)

SCOPES: Final = ("write", "read", "admin")

OPEN: Final = ("/health/live", "/health/ready", "/health")
"""What a load balancer asks without a token; the answers hold nothing that is stored, and no address of ours."""

_STRANGER: Final = "hopline.stranger"
"""As `hopline_collector.health.STRANGER`, whose import would slow down every verb."""

_ADMIN: Final = ("/api/v1/dead", "/api/v1/retention/run", "/api/v1/erasures", "/api/v1/backups")
"""Below these, every method needs the scope ``admin``: raw bytes that no mask has seen, and deleting."""

_ADMIN_CHANGES: Final = ("/api/v1/pins",)
"""Below these, every method but reading: what stays for good, and what no longer does, is not a service's to say."""


_LOOK_S: Final = 0.5


class TokenError(ValueError):
    """The token file cannot be used; the message names the line."""


@dataclass(frozen=True, slots=True)
class Token:
    """One line of a token file."""

    scope: str
    digest: bytes
    name: str = ""
    until: float = math.inf
    """Seconds since the epoch."""
    services: tuple[str, ...] = ()
    """Beginnings of the names of services whose rows it may send or figures it may see; empty: of any."""


def load(path: Path) -> tuple[Token, ...]:
    """All tokens of a file. Raises `TokenError`."""
    found, troubles, _ = _read(path)
    if troubles:
        raise TokenError(troubles[0])
    if not found:
        raise TokenError(f"{path} holds no token: hopline token makes one")
    return found


class TokenFile:
    """The tokens of a file as it is now. Raises `TokenError` at first; later a wrong line counts for nothing.

    Of a file that is being written the last line may be the beginning of one, without the words that bind it: where
    no line break ends it, a new one counts once the file has not changed for half a second.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._stamp = _stamp(path)
        self._tokens = load(path)
        self._whole = True
        self._looked = clock()

    def __call__(self) -> tuple[Token, ...]:
        """Those that are good now."""
        now = self._clock()
        if not 0 <= now - self._looked < _LOOK_S:
            self._looked = now
            stamp = _stamp(self._path)
            changed = stamp != self._stamp
            if changed or not self._whole:
                self._stamp = stamp
                found, troubles, last = _read(self._path)
                self._whole = last is None or last in self._tokens or not 0 <= now - stamp[0] / 1e9 < _LOOK_S
                self._tokens = found if self._whole else found[:-1]
                for trouble in troubles if changed else ():
                    log.warning("%s", trouble)
        return tuple(token for token in self._tokens if now < token.until)


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes when a file does; zeros for one that is not there."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _read(path: Path) -> tuple[tuple[Token, ...], list[str], Token | None]:
    """The tokens, what is wrong with the other lines, and the last token where no line break ends its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return (), [f"tokens: {error}"], None
    found: list[Token] = []
    troubles, before = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        before = len(found)
        words = line.partition("#")[0].split()
        try:
            if words:
                found.append(_parse(words, f"{path}, line {number}"))
        except TokenError as error:
            troubles.append(str(error))
    ended = text.endswith("\n") or len(found) == before
    return tuple(found), troubles, None if ended else found[-1]


def parse_line(line: str, place: str) -> Token:
    """The token of a line; `place` names it in complaints. Raises `TokenError`."""
    return _parse(line.split(), place)


def _parse(words: list[str], place: str) -> Token:
    if len(words) < 2 or words[0] not in SCOPES:
        raise TokenError(f"{place}: expected one of {', '.join(SCOPES)} and a SHA-256")
    try:
        digest = bytes.fromhex(words[1])
    except ValueError:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise TokenError(f"{place}: the second word is no SHA-256")
    name, until = "", math.inf
    services: tuple[str, ...] = ()
    for word in words[2:]:
        field, _, value = word.partition("=")
        if field == "name" and value:
            name = value
        elif field == "until":
            until = _seconds(value, place)
        elif field == "services":
            services = _prefixes(words[0], value, place)
        else:
            raise TokenError(f"{place}: {word!r} is neither name=NAME nor until=TIME nor services=PREFIX,PREFIX")
    return Token(words[0], digest, name, until, services)


def _prefixes(scope: str, text: str, place: str) -> tuple[str, ...]:
    found = tuple(text.split(","))
    if scope == "admin":
        raise TokenError(f"{place}: services: a token with scope write or read is bound to services, not admin")
    if not all(found):
        raise TokenError(f"{place}: services is {text!r}: expected beginnings of names, such as shop-,pay")
    return found


def _seconds(text: str, place: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise TokenError(f"{place}: until is {text!r}: expected RFC 3339 with a zone, such as 2027-01-01T00:00:00Z")
    return found.timestamp()


def create(scope: str, name: str = "", until: str | None = None, services: str | None = None) -> tuple[str, str]:
    """A new token, and its line for the file. Raises `TokenError` for what no line may have.

    A bound that is given and empty, as from a variable that is not set, is refused: it would bind to nothing.
    """
    token = secrets.token_urlsafe(32)
    words = [scope, hashlib.sha256(token.encode()).hexdigest()]
    bounds = {"name": name or None, "until": until, "services": services}
    further = {field: value for field, value in bounds.items() if value is not None}
    words += [f"{field}={value}" for field, value in further.items()]
    for field, value in further.items():
        if len(f"x{value}".partition("#")[0].split()) != 1 or "#" in value:
            raise TokenError(f"{field} is {value!r}: expected no blank and no #")
    _parse(words, "token")
    return token, " ".join(words)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Tokens = Callable[[], tuple[Token, ...]]
"""Those that are good now."""

Admit = Callable[[str, str], None]
"""Looks at the ``authorization`` of a call, and at the address that it came from."""

Note = Callable[[int, str, str, str], None]
"""Told of each refusal: its status, the token that was shown, the scope that was needed, the address it came from."""


def nothing(_status: int, _token: str, _needed: str, _address: str) -> None:
    """Nobody wants to know."""


class AccessMiddleware:
    """Lets requests pass that carry a token of the scope they need."""

    def __init__(self, app: ASGIApp, tokens: Tokens, note: Note = nothing) -> None:
        self._app = app
        self._tokens = tokens
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 (no token) or 403 (a token without the scope)."""
        path = below(scope) if scope["type"] == "http" else ""
        if not path:
            await self._app(scope, receive, send)
            return
        shown = _presented(Headers(scope=scope).get("authorization", ""))
        known = _known(self._tokens(), shown)
        held = {token.scope for token in known}
        seen = bound_services(known, "read") if "read" in held else ()
        if path in OPEN:
            await self._app(scope if held and not seen else {**scope, _STRANGER: True}, receive, send)
            return
        needed = needed_scope(scope["method"], path)
        bound = needed == "read" and seen and not own_figures.opens(seen, path, scope["query_string"].decode("latin-1"))
        if held & {needed, "admin"} and not bound:
            PREFIXES.set(bound_services(known, "write"))
            SEEN.set(seen)
            WHO.set(known[0].name or f"sha256:{known[0].digest.hex()}")
            await self._app(scope, receive, send)
            return
        self._note(403 if held else 401, shown, needed, (scope.get("client") or ("",))[0])
        reason = own_figures.refusal(seen) if bound else f"this token may not {needed}" if held else ""
        await _refusal(reason, needed)(scope, receive, send)


def bound_services(known: Sequence[Token], scope: str) -> tuple[str, ...]:
    """What the lines of one token bind this scope to; a line without services, or of an admin, binds to nothing."""
    lines = [token for token in known if token.scope in {scope, "admin"}]
    free = any(not token.services for token in lines)
    return () if free else tuple(prefix for token in lines for prefix in token.services)


def writers_only(tokens: Tokens, note: Note = nothing) -> Admit:
    """A look at a call that raises RefusedError unless its token may write, and notes what services it is bound to."""
    from hopline_collector.door.bodies import RefusedError  # here, for every verb imports this module

    def admit(authorization: str, address: str) -> None:
        shown = _presented(authorization)
        known = _known(tokens(), shown)
        held = {token.scope for token in known}
        if not held:
            note(401, shown, "write", address)
            raise RefusedError(401, "unauthorized", "a token with scope write is needed")
        if not held & {"write", "admin"}:
            note(403, shown, "write", address)
            raise RefusedError(403, "forbidden", "this token may not write")
        PREFIXES.set(bound_services(known, "write"))

    return admit


def _known(tokens: tuple[Token, ...], shown: str) -> list[Token]:
    """The lines of a token; every digest is compared, in constant time."""
    digest = hashlib.sha256(shown.encode()).digest()
    return [known for known in tokens if hmac.compare_digest(known.digest, digest)]


def needed_scope(method: str, path: str) -> str:
    """The scope that opens a path of ours to a method."""
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


def _refusal(reason: str, needed: str) -> Response:
    """The answer to a token that may not, for a reason, or to one that nobody knows."""
    from hopline_collector.door.problems import problem  # here, for every verb imports this module

    if reason:
        return problem(403, reason)
    challenge = "Bearer" if needed == "write" else 'Basic realm="Hopline", charset="UTF-8"'
    return problem(401, f"a token with scope {needed} is needed", headers={"WWW-Authenticate": challenge})
