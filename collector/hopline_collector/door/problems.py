"""The one shape of errors (docs/api.md), and the words of what the framework refuses by itself."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

CODES: Final = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    421: "unknown_host",
    422: "unprocessable",
    429: "too_many_queries",
    500: "internal",
    503: "store_unavailable",
    504: "timeout",
}
"""Status -> code, where the place of the error names no better one."""

_WORDS: Final = {404: "there is nothing at this address", 405: "this address does not answer this method"}
_LONGEST: Final = 500


def problem(
    status: int,
    message: str,
    *,
    code: str = "",
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer with this status in the one shape."""
    error = {"code": code or CODES.get(status, "failed"), "message": message[:_LONGEST]}
    body = {"error": {**error, "field": field, "column": None, "detail": None}}
    return JSONResponse(body, status, dict(headers or {}))


def add_handlers(app: FastAPI) -> None:
    """Give what the framework and its routes refuse the one shape."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # The framework's own words are those of the status.
    own = error.detail == HTTPStatus(error.status_code).phrase
    message = _WORDS.get(error.status_code, str(error.detail)) if own else str(error.detail)
    return problem(error.status_code, message, headers=error.headers)


def _invalid(_: Request, error: Exception) -> Response:
    """What was sent is named by its place and never repeated: it may be as large as a body."""
    assert isinstance(error, RequestValidationError)
    first: Mapping[str, Any] = next(iter(error.errors()), {})
    place: Sequence[Any] = first.get("loc", ())
    named = [str(part) for part in place if part not in {"query", "path", "body", "header"}]
    field = ".".join(named)[:_LONGEST] or None
    return problem(422, str(first.get("msg", "not understood")), field=field)


def _failed(_: Request, __: Exception) -> Response:
    return problem(500, "this is a fault of the server, which its log describes")
