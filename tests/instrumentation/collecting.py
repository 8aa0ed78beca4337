"""A stand-in for the collector: an HTTP server that keeps the rows it is sent."""

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Collecting(ThreadingHTTPServer):
    """Answers as told and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests: list[tuple[dict[str, str], dict]] = []
        self.answers: list[tuple[int, bytes]] = []
        self._connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def cut(self) -> None:
        """Break every connection, as the end of the process would."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def rows(self) -> list[dict]:
        """Every row, with the process facts it came with; a post that comes again under its id counts once."""
        posts = {headers["Hopline-Batch-Id"]: body for headers, body in list(self.requests)}
        return [{**body["process"], **row} for body in posts.values() for row in body["rows"]]

    @property
    def ended(self) -> list[dict]:
        """The rows without the unfinished copies."""
        return [row for row in self.rows if row["duration_us"] is not None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Collecting

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        accepted = (202, b'{"accepted": 1, "rejected": []}')
        status, answer = self.server.answers.pop(0) if self.server.answers else accepted
        self.server.requests.append(({"path": self.path, **self.headers}, json.loads(raw)))
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args) -> None:
        pass


@contextmanager
def collecting(port: int = 0) -> Iterator[Collecting]:
    """A server on ``port``, by default a free one."""
    with Collecting(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
