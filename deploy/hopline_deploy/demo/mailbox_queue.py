"""The shop's own queue, as a client sees it: a protocol that no hook knows.

So the calls are traced by their four explicit stages: ``client_send`` and
``client_recv`` around sending, ``server_recv`` and ``server_send`` around handling.
"""

import asyncio
import json
import logging
from typing import Any

import hopline
from hopline_deploy.demo.mailbox import Handler

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 0.5


class QueueMailbox:
    """One connection, one request at a time: a line of JSON each way."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, topic: str, body: dict[str, str]) -> None:
        """See `Mailbox.send`."""
        headers: dict[str, str] = {}
        call = hopline.client_send(f"send {topic}", headers, peer=topic, peer_kind="mq", kind="producer")
        try:
            await self._ask({"do": "put", "topic": topic, "headers": headers, "body": body})
        except OSError as error:
            hopline.client_recv(call, error)
            raise
        hopline.client_recv(call)

    async def receive(self, topic: str, *, group: str, handle: Handler) -> None:
        """See `Mailbox.receive`."""
        while True:
            try:
                message = (await self._ask({"do": "get", "topic": topic, "group": group}))["message"]
            except OSError:
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            if message is not None:
                await _process(topic, message, handle)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._lock:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._address)
            reader, writer = self._streams
            try:
                writer.write(json.dumps(request).encode() + b"\n")
                await writer.drain()
                line = await reader.readline()
            except OSError:
                self._streams = None
                raise
            if not line:
                self._streams = None
                raise ConnectionResetError("the queue closed the connection")
            answer: dict[str, Any] = json.loads(line)
            return answer


async def _process(topic: str, message: dict[str, Any], handle: Handler) -> None:
    call = hopline.server_recv(f"process {topic}", message["headers"], kind="consumer", peer=topic, peer_kind="mq")
    try:
        await handle(message["body"])
    except Exception as error:
        log.warning("a message of %s failed: %s", topic, error)
        hopline.server_send(call, error)
    else:
        hopline.server_send(call)
