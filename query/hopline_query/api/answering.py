"""From answers and failures to HTTP, the same for every dialect."""

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from hopline_query.errors import QueryError, TooManyQueriesError

Handler = Callable[[Request], Any]


class FastJSON(Response):
    """JSON by msgspec: ten times the standard encoder on large traces."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode ``content``."""
        return msgspec.json.encode(content)


class QueryRoute(APIRoute):
    """A route whose query errors become the error body of docs/api.md."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except QueryError as error:
                return failure(error)

        return handle


def failure(error: QueryError) -> JSONResponse:
    """The HTTP answer of a query error."""
    headers = {"Retry-After": "1"} if isinstance(error, TooManyQueriesError) else None
    return JSONResponse(error.body(), status_code=error.status, headers=headers)
