"""HTTP: requests, urllib3, urllib, httpx and httpx2 (both), aiohttp."""

import asyncio
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import httpx2
import requests
import urllib3

from support.contract.client import Calls, Subject

Fetch = Callable[..., bytes]


def by_requests(url: str, timeout: float = 10, proxy: str = "") -> bytes:
    proxies = {"http": proxy} if proxy else None
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=timeout, proxies=proxies).content


def by_urllib3(url: str, timeout: float = 10, proxy: str = "") -> bytes:
    pool: Any = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()
    with pool:
        return pool.request("GET", url, timeout=timeout, retries=False).data


def by_urllib(url: str, timeout: float = 10, proxy: str = "") -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy} if proxy else {}))
    with opener.open(url, timeout=timeout) as answer:
        return answer.read()


def by_httpx(library: Any) -> Fetch:
    def fetch(url: str, timeout: float = 10, proxy: str = "") -> bytes:
        with library.Client(timeout=timeout, proxy=proxy or None, trust_env=False) as client:
            return client.get(url).content

    return fetch


def by_httpx_async(library: Any) -> Fetch:
    def fetch(url: str, timeout: float = 10, proxy: str = "") -> bytes:
        async def get() -> bytes:
            async with library.AsyncClient(timeout=timeout, proxy=proxy or None, trust_env=False) as client:
                return (await client.get(url)).content

        return asyncio.run(get())

    return fetch


def by_aiohttp(url: str, timeout: float = 10, proxy: str = "") -> bytes:
    async def get() -> bytes:
        limit = aiohttp.ClientTimeout(total=timeout)
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url, proxy=proxy or None) as answer:
            return await answer.read()

    return asyncio.run(get())


def use(fetch: Fetch, error: type[BaseException]) -> Callable[[Callable[[str], Any]], Calls]:
    def calls(env: Callable[[str], Any]) -> Calls:
        backend = env("backend")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        return Calls(
            good=lambda: fetch(f"{backend.url}/ok"),
            bad=lambda: fetch(nobody),
            error=error,
            row={"name": "GET", "peer": "shop", "peer_kind": "service"},
        )

    return calls


FETCHERS: dict[str, tuple[Fetch, type[BaseException], str, Callable[[], Any]]] = {
    "requests": (by_requests, requests.ConnectionError, "requests", lambda: urllib3.HTTPConnectionPool._make_request),
    "urllib3": (by_urllib3, urllib3.exceptions.HTTPError, "urllib3", lambda: urllib3.HTTPConnectionPool._make_request),
    "urllib": (by_urllib, OSError, "urllib", lambda: urllib.request.AbstractHTTPHandler.do_open),
    "httpx": (by_httpx(httpx), httpx.ConnectError, "httpx", lambda: httpx.HTTPTransport.handle_request),
    "httpx (async)": (
        by_httpx_async(httpx),
        httpx.ConnectError,
        "httpx",
        lambda: httpx.AsyncHTTPTransport.handle_async_request,
    ),
    "httpx2": (by_httpx(httpx2), httpx2.ConnectError, "httpx2", lambda: httpx2.HTTPTransport.handle_request),
    "httpx2 (async)": (
        by_httpx_async(httpx2),
        httpx2.ConnectError,
        "httpx2",
        lambda: httpx2.AsyncHTTPTransport.handle_async_request,
    ),
    "aiohttp (client)": (by_aiohttp, aiohttp.ClientError, "aiohttp", lambda: aiohttp.ClientSession._request),
}

SUBJECTS = [
    Subject(name, (hook,), use(fetch, error), patched=patched)
    for name, (fetch, error, hook, patched) in FETCHERS.items()
]
