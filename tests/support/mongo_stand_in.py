"""What stands for MongoDB, which Debian does not have: its wire protocol as far as a client and a collection need it.

Messages are OP_MSG with one body section (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/).
"""

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator
from typing import Any

import bson

_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013
_HELLO = {"isWritablePrimary": True, "helloOk": True, "minWireVersion": 0, "maxWireVersion": 21, "readOnly": False}
_SIZES = {"maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000}


def answer(command: dict[str, Any]) -> dict[str, Any]:
    """What the server says to one command: it knows one order, and neither accounts nor other commands."""
    name = next(iter(command))
    if name.lower() in {"hello", "ismaster"}:
        return {**_HELLO, **_SIZES, "ok": 1.0}
    if name in {"ping", "endSessions"}:
        return {"ok": 1.0}
    if name == "find":
        place = f"{command['$db']}.{command['find']}"
        return {"cursor": {"id": bson.Int64(0), "ns": place, "firstBatch": [{"_id": 7}]}, "ok": 1.0}
    return {"ok": 0.0, "errmsg": f"no such command: {name}", "code": 59, "codeName": "CommandNotFound"}


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while head := self.rfile.read(_HEADER.size):
            length, request, _, _ = _HEADER.unpack(head)
            body = self.rfile.read(length - _HEADER.size)
            (size,) = struct.unpack_from("<i", body, 5)
            reply = b"\x00\x00\x00\x00\x00" + bson.encode(answer(bson.decode(body[5 : 5 + size])))
            self.wfile.write(_HEADER.pack(_HEADER.size + len(reply), 1, request, _OP_MSG) + reply)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no trouble."""


@contextlib.contextmanager
def mongo() -> Iterator[int]:
    """The port of a server."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
