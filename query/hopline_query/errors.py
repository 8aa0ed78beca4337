"""Everything a question can fail with.

::

    QueryError
    |-- BadRequestError        400  a parameter that cannot be understood
    |-- NotFoundError          404  nothing under this name
    |-- TooManyQueriesError    429  every read handle is in use
    |-- StoreUnavailableError  503  the store does not answer
    `-- QueryTimeoutError      504  the question took longer than the limit
"""

from typing import Any, ClassVar


class QueryError(Exception):
    """A question without an answer. ``field`` and ``column`` (1-based) name the place in the parameters."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        column: int | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.column = column
        self.detail = detail

    def body(self) -> dict[str, Any]:
        """The error body of docs/api.md."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "field": self.field,
                "column": self.column,
                "detail": self.detail,
            }
        }


class BadRequestError(QueryError):
    """A parameter that cannot be understood."""

    status = 400
    code = "bad_request"


class NotFoundError(QueryError):
    """Nothing is stored under this name; ``detail`` says what the name itself tells."""

    status = 404
    code = "not_found"


class TooManyQueriesError(QueryError):
    """Every read handle is in use: ask again in a moment."""

    status = 429
    code = "too_many_queries"


class StoreUnavailableError(QueryError):
    """The store does not answer."""

    status = 503
    code = "store_unavailable"


class QueryTimeoutError(QueryError):
    """The question took longer than the limit: a smaller range may do."""

    status = 504
    code = "timeout"
