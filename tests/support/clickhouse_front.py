"""A ClickHouse HTTP interface over the embedded engine, as a process of its own.

``python clickhouse_front.py PATH PORT`` serves what clickhouse-connect's HTTP
client sends: statements, inserts in any format with settings and tokens, bound
parameters, and errors with their codes. It stands in for a server where several
processes share one store, and it can be killed to make the store go away.

Not there: sessions, users, streaming of results, progress headers.
"""

import gzip
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

RESERVED = frozenset(
    [
        "query",
        "database",
        "default_format",
        "session_id",
        "session_timeout",
        "session_check",
        "query_id",
        "quota_key",
        "compress",
        "decompress",
        "wait_end_of_query",
        "client_protocol_version",
        "role",
        "send_progress_in_http_headers",
        "buffer_size",
        "http_headers_progress_interval_ms",
        "enable_http_compression",
    ]
)
"""Parameters of the transport: the engine does not know them as settings."""

_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_INSERT = re.compile(rb"\s*(INSERT\s+INTO\s.*?)\s+FORMAT\s+(\w+) *\n", re.IGNORECASE | re.DOTALL)
_CODE = re.compile(r"Code: (\d+)")


class Engine:
    """Runs each statement on a handle of its own: nothing leaks from one to the next (1 ms each)."""

    def __init__(self, path: str) -> None:
        import chdb

        self._connect = chdb.connect
        self._path = path
        # The engine lives as long as one handle does.
        self._anchor = chdb.connect(path)

    def run(self, statement: bytes, settings: Mapping[str, str], params: Mapping[str, str], database: str) -> Response:
        """The answer to one statement; engine errors become HTTP errors as a server words them."""
        handle = self._connect(self._path)
        try:
            if database:
                handle.query(f"USE {_identifier(database)}", "TabSeparated")
            # A server weighs all settings of a request at once; here nothing can be set after readonly.
            for name, value in sorted(settings.items(), key=lambda item: item[0] == "readonly"):
                handle.query(f"SET {_identifier(name)} = {_literal(value)}", "TabSeparated")
            insert = _INSERT.match(statement)
            if insert:
                return self._insert(handle, insert, statement[insert.end() :])
            return _select(handle, statement, params)
        except Exception as error:
            return _failure(str(error))
        finally:
            handle.close()

    def _insert(self, handle: Any, insert: "re.Match[bytes]", data: bytes) -> Response:
        with tempfile.NamedTemporaryFile(suffix=".insert") as file:
            file.write(data)
            file.flush()
            target, form = insert.group(1).decode(), insert.group(2).decode()
            result = handle.query(f"{target} FROM INFILE {_literal(file.name)} FORMAT {form}", "TabSeparated")
            written = {"written_rows": str(result.rows_read()), "written_bytes": str(result.bytes_read())}
        return Response(headers={"X-ClickHouse-Summary": json.dumps(written)})


def _select(handle: Any, statement: bytes, params: Mapping[str, str]) -> Response:
    named = _FORMAT.search(statement)
    # With names, a statement with a result and no row can be told from one without a result.
    result = handle.query(statement.decode(), "TabSeparatedWithNames", params=dict(params))
    body = result.bytes() or b""
    headers = {"X-ClickHouse-Timezone": "UTC"}
    headers["X-ClickHouse-Summary"] = json.dumps({"read_rows": str(result.rows_read())})
    if named:
        headers["X-ClickHouse-Format"] = named.group(1).decode()
    elif body:
        headers["X-ClickHouse-Format"] = "TabSeparated"
        body = body[body.find(b"\n") + 1 :]
    return Response(body, headers=headers, media_type="application/octet-stream")


def _failure(message: str) -> Response:
    message = message[max(message.find("Code: "), 0) :]
    found = _CODE.search(message)
    code = found.group(1) if found else "1002"
    # ClickHouse's own statuses: 404 for what is not there, 500 for the rest that matters to a client.
    status = 404 if code in {"60", "81"} else 500
    return PlainTextResponse(message, status, headers={"X-ClickHouse-Exception-Code": code})


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ValueError(f"Code: 36. {name!r} is no name")
    return f"`{name}`"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _inflate(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "lz4":
        import lz4.frame

        return bytes(lz4.frame.decompress(body))
    if encoding == "zstd":
        from backports import zstd

        return zstd.decompress(body)
    return body


def create_app(engine: Engine) -> Starlette:
    """The two addresses that clickhouse-connect uses: ``/`` and ``/ping``."""

    async def statement(request: Request) -> Response:
        query = request.query_params
        body = _inflate(await request.body(), request.headers.get("content-encoding", ""))
        text = query.get("query", "").encode()
        whole = text + b"\n" + body if text and body else text or body
        settings = {k: v for k, v in query.items() if k not in RESERVED and not k.startswith("param_")}
        params = {k.removeprefix("param_"): v for k, v in query.items() if k.startswith("param_")}
        return await run_in_threadpool(engine.run, whole, settings, params, query.get("database", ""))

    async def ping(_: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    return Starlette(routes=[Route("/ping", ping), Route("/", statement, methods=["GET", "POST"])])


def main() -> None:
    path, port = sys.argv[1], int(sys.argv[2])
    uvicorn.run(create_app(Engine(path)), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
