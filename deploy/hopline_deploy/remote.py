"""Asking a running Hopline over its API."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT_SECONDS: Final = 15.0

_TEXT: Final = 1_000


class RemoteError(RuntimeError):
    """The server is away or refused; `status` is its answer, 0 when there was none.

    `retry_after` is how many seconds it asks to wait, 0 when it does not.
    """

    def __init__(self, message: str, status: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Remote:
    """The API at `base`, such as ``http://127.0.0.1:9411``; `token` where the server asks for one.

    Without an `opener` requests go as the environment says (proxies, the system's certificates).
    """

    def __init__(self, base: str, token: str = "", opener: urllib.request.OpenerDirector | None = None) -> None:
        if not is_address(base):
            raise RemoteError(f"{base!r} is no http:// or https:// address")
        if not (token.isascii() and token.isprintable()):
            raise RemoteError("the token holds characters that no token has")
        self._base = base.rstrip("/")
        self._open = opener.open if opener else urllib.request.urlopen
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON answer of ``GET /api/v1/<path>``. Raises `RemoteError`."""
        return self._json(self.read(f"api/v1/{_quoted(path)}", params))

    def get_quoted(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """As `get`, of a path whose parts are quoted already. Raises `RemoteError`."""
        return self._json(self.read(f"api/v1/{path}", params))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON answer of ``POST /api/v1/<path>`` with a JSON body. Raises `RemoteError`."""
        return self._json(self._ask(f"api/v1/{_quoted(path)}", json.dumps(body).encode()))

    def delete(self, path: str) -> dict[str, Any]:
        """The JSON answer of ``DELETE /api/v1/<path>``. Raises `RemoteError`."""
        return self._json(self._ask(f"api/v1/{_quoted(path)}", method="DELETE"))

    def read(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """The body of ``GET /<path>``. Raises `RemoteError`."""
        return self._ask(f"{path}{'?' + urlencode(params, errors='replace') if params else ''}")

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The answer to ``POST /<path>`` with a JSON body. Raises `RemoteError`."""
        return self._ask(path, body, headers=headers)

    def _json(self, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise RemoteError(f"{self._base} answers, but not as Hopline does")
        return answer

    def _ask(
        self, path: str, body: bytes | None = None, method: str | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        content = {"Content-Type": "application/json"} if body is not None else {}
        headers = {**self._headers, **content, **(headers or {})}
        address = f"{self._base}/{path}"
        request = urllib.request.Request(address, body, headers, method=method)  # noqa: S310 (checked above)
        try:
            with self._open(request, timeout=TIMEOUT_SECONDS) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            wait = error.headers.get("Retry-After", "")
            raise RemoteError(_message(error), error.code, float(wait) if wait.isdigit() else 0.0) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise RemoteError(f"{self._base} does not answer: {reason}") from None


def is_address(base: str) -> bool:
    """Whether `base` may be the address of a server."""
    try:
        parts = urlsplit(base)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in {"http", "https"} and base.isascii() and base.isprintable() and " " not in base


def _quoted(path: str) -> str:
    return quote(path, errors="replace")


def _message(error: urllib.error.HTTPError) -> str:
    """What the server says, in the words of the API that was asked: ours, the inputs', Zipkin's (text) or OTLP's."""
    text = error.read().decode("utf-8", "replace").strip()
    try:
        body = json.loads(text)
        found = body.get("error") or body
        if isinstance(found, str):
            return f"{found}: {body['detail']}" if body.get("detail") else found
        message = str(found["message"] if "message" in found else found["detail"])
        field = found.get("field")
        return f"{field}: {message}" if field and str(field) not in message else message
    except (ValueError, KeyError, TypeError, AttributeError):
        plain = error.headers.get("Content-Type", "").startswith("text/plain")
        return text[:_TEXT] if text and plain else f"{error.code} {error.reason}"
