"""The shop's own queue: keeps the last messages of each topic and hands each to every group once.

One line of JSON per request: ``{"do": "put", "topic", "headers", "body"}`` and
``{"do": "get", "topic", "group"}``, which waits for up to `WAIT_SECONDS`.
"""

import argparse
import asyncio
import contextlib
import json
import signal
from collections import defaultdict, deque
from typing import Any

KEEP = 10_000
WAIT_SECONDS = 10.0


class Queue:
    """Messages per topic, with a place per group."""

    def __init__(self) -> None:
        self._kept: defaultdict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=KEEP))
        self._written: defaultdict[str, int] = defaultdict(int)
        self._read: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._news = asyncio.Condition()

    async def put(self, topic: str, message: Any) -> None:
        """Keep `message` and wake who waits."""
        async with self._news:
            self._kept[topic].append(message)
            self._written[topic] += 1
            self._news.notify_all()

    async def get(self, topic: str, group: str) -> Any:
        """The next message that `group` has not seen, or ``None`` after a while."""
        place = (topic, group)
        async with self._news:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._news.wait_for(lambda: self._read[place] < self._written[topic])
            behind = self._written[topic] - self._read[place]
            if behind == 0:
                return None
            kept = self._kept[topic]
            # What was dropped since is lost to a group that was too slow.
            index = max(len(kept) - behind, 0)
            self._read[place] = self._written[topic] - len(kept) + index + 1
            return kept[index]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, until it ends or the queue does."""
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while line := await reader.readline():
                request = json.loads(line)
                answer = await self._answer(request)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "put":
            await self.put(request["topic"], {"headers": request["headers"], "body": request["body"]})
            return {"ok": True}
        return {"message": await self.get(request["topic"], request["group"])}


async def serve(port: int) -> None:
    """Listen until SIGTERM or Ctrl-C."""
    queue = Queue()
    server = await asyncio.start_server(queue.serve, "127.0.0.1", port)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with server:
        await ended.wait()


def main() -> None:
    """``queue_server --port N``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
