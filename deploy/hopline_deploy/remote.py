"""Asking a running Hopline over its API."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

TIMEOUT_SECONDS: Final = 15.0


class RemoteError(RuntimeError):
    """The server is away or refused; `status` is its answer, 0 when there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Remote:
    """The query API at `base`, such as ``http://127.0.0.1:9411``."""

    def __init__(self, base: str) -> None:
        if not base.startswith(("http://", "https://")):
            raise RemoteError(f"{base!r} is no http:// or https:// address")
        self._base = base.rstrip("/")

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON answer of ``GET /api/v1/<path>``. Raises `RemoteError`."""
        answer: dict[str, Any] = json.loads(self.read(f"api/v1/{quote(path)}", params))
        return answer

    def read(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """The body of ``GET /<path>``. Raises `RemoteError`."""
        address = f"{self._base}/{path}{'?' + urlencode(params) if params else ''}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 (checked above)
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise RemoteError(_message(error), error.code) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise RemoteError(f"{self._base} does not answer: {reason}") from None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
