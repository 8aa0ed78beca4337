"""Ask an app without a port."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx


class Client:
    """Synchronous requests to an ASGI app; redirects are not followed, cookies stay with the caller."""

    def __init__(self, app: Any, *, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        # A thread of its own: the browser tests of the same run keep a loop in this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, self._get(path, headers or {})).result()

    async def _get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app, root_path=self._root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://hopline.test") as client:
            return await client.get(self._root_path + path, headers=headers)
