"""What both sides of a gRPC call note: its name and its status."""

from typing import Any, Final

import grpc

from hopline.spans import Span

SERVER_ERRORS: Final = frozenset({
    "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
})  # fmt: skip
"""Codes that are the server's failure, by OpenTelemetry's conventions for RPC; a client fails for all but OK."""

_BY_NUMBER: Final[dict[int, str]] = {code.value[0]: code.name for code in grpc.StatusCode}


def method_name(method: str | bytes) -> str:
    """``package.Service/Method``."""
    text = method.decode("utf-8", "replace") if isinstance(method, bytes) else method
    return text.lstrip("/")


def code_name(code: Any) -> str:
    """Name of a status code that may come as an enum member, a number or nothing (OK)."""
    if isinstance(code, int):
        return _BY_NUMBER.get(code, "UNKNOWN")
    return str(getattr(code, "name", None) or "OK")


def describe(span: Span, method: str) -> None:
    """Tags known at the beginning."""
    span.tag("rpc.system.name", "grpc")
    span.tag("rpc.method", method)
