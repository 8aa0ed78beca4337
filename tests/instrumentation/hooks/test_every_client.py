"""What every outgoing hook has in common, with all hooks in place at once."""

import asyncio
import contextlib
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import grpc
import httpx
import pytest
import requests
import urllib3

import hopline
from hopline.hooks import HOOKS
from hopline.testing import Recorder


@pytest.fixture(autouse=True)
def _hooks(install):
    install(*HOOKS)


def by_requests(url):
    requests.get(url, timeout=60)


def by_urllib3(url):
    urllib3.request("GET", url)


def by_urllib(url):
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(url, timeout=60) as answer:
        answer.read()


def by_httpx(url):
    httpx.get(url, timeout=60)


def by_httpx_async(url):
    async def get():
        async with httpx.AsyncClient(timeout=60) as client:
            await client.get(url)

    asyncio.run(get())


def by_aiohttp(url):
    async def get():
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            await answer.read()

    asyncio.run(get())


every_client = pytest.mark.parametrize(
    "fetch", [by_requests, by_urllib3, by_urllib, by_httpx, by_httpx_async, by_aiohttp]
)


@every_client
def test_a_call_is_one_row(recorder, backend, fetch):
    """M4: with all hooks in place a call makes one client row, and the callee's row takes its path."""
    with hopline.span("work"):
        fetch(f"{backend.url}/ok?secret=1")
    client, server = recorder.one(kind="client"), recorder.one(kind="server")
    assert (client.span_id, server.span_id, server.parent_id) == ("0.1", "0.1", client.id)
    assert (client.name, client.peer, client.attempt) == ("GET", "shop", 0)
    assert client.tags["http.request.method"] == "GET"
    assert client.tags["http.response.status_code"] == "200"
    assert client.attrs["url.full"] == f"{backend.url}/ok"


@every_client
def test_inside_a_call_of_ones_own_there_is_no_second_row(recorder, backend, fetch):
    """M4: a call inside a client row carries that row's path, and makes none."""
    with hopline.span("work"), hopline.span("my protocol", kind="client") as outer:
        fetch(f"{backend.url}/ok")
    assert recorder.one(kind="client").name == "my protocol"
    assert recorder.one(kind="server").parent_id == outer.id


@every_client
def test_a_call_outside_any_trace_begins_one(recorder, backend, fetch):
    """M2: the call is the root of a trace, whose path the callee takes."""
    fetch(f"{backend.url}/ok")
    client, server = recorder.one(kind="client"), recorder.one(kind="server")
    assert (client.span_id, server.span_id, server.trace_id) == ("0", "0", client.trace_id)


@every_client
@pytest.mark.parametrize(("trusted", "expected"), [(("loopback",), "uid=u-1"), ((".internal",), None)])
def test_baggage_stays_with_trusted_hosts(backend, fetch, trusted, expected):
    """P5: baggage leaves to trusted hosts only, the trace to all."""
    with Recorder(trusted_hosts=trusted), hopline.span("work") as span:
        hopline.put("uid", "u-1")
        fetch(f"{backend.url}/ok")
    assert backend.requests[-1].get("baggage") == expected
    assert span.trace_id in backend.requests[-1]["traceparent"]


def by_httpx_following(url):
    httpx.get(url, timeout=60, follow_redirects=True)


def by_httpx_async_following(url):
    async def get():
        async with httpx.AsyncClient(timeout=60, follow_redirects=True) as client:
            await client.get(url)

    asyncio.run(get())


@pytest.mark.parametrize(
    "fetch", [by_requests, by_urllib3, by_urllib, by_httpx_following, by_httpx_async_following, by_aiohttp]
)
def test_redirect_to_a_stranger_carries_no_baggage(backend, fetch):
    """P5, I4: a redirect's target is a call of its own, a first attempt, and gets baggage only if it is trusted."""
    with Recorder(trusted_hosts=("127.0.0.1",)) as recorder, hopline.span("work") as span:
        hopline.put("uid", "u-1")
        fetch(f"{backend.url}/elsewhere")
        clients = [(row.span_id, row.attempt) for row in recorder.spans if row.kind == "client"]
    first, second = backend.requests
    assert clients == [("0.1", 0), ("0.2", 0)]
    assert (first.get("baggage"), second.get("baggage")) == ("uid=u-1", None)
    assert all(span.trace_id in headers["traceparent"] for headers in (first, second))
    assert first["traceparent"] != second["traceparent"]


@every_client
def test_unsampled_calls_carry_ids(backend, fetch):
    """I7: an unsampled trace makes no rows but hands its ids on with flag 00."""
    with Recorder(sample=0) as recorder, hopline.span("work") as span:
        fetch(f"{backend.url}/ok")
        assert recorder.spans == []
    assert backend.requests[-1]["traceparent"] == f"00-{span.trace_id}-{span.id}-02"


def test_bodies_are_never_recorded(recorder, backend):
    """I8: what is sent and what is answered stands in no row, nor do credentials, queries and cookies."""
    requests.post(
        f"{backend.url.replace('//', '//me:s3cret@')}/ok?card=s3cret",
        data="s3cret body",
        headers={"Authorization": "Bearer s3cret", "Cookie": "id=s3cret", "X-Echo": "s3cret"},
        timeout=5,
    )
    httpx.post(f"{backend.url}/ok?q=s3cret", json={"password": "s3cret"}, headers={"X-Echo": "s3cret"}, timeout=60)
    assert len(recorder.spans) == 4
    assert "s3cret" not in repr(recorder.spans)


@every_client
def test_disabled_tracing_changes_nothing(recorder, backend, fetch):
    """I10: the kill switch: no rows and no headers."""
    hopline.disable()
    fetch(f"{backend.url}/ok")
    assert recorder.spans == []
    assert not {"traceparent", "tracestate", "baggage"} & backend.requests[-1].keys()


@every_client
@pytest.mark.parametrize("ours", ["hopline.hooks.http_client.call", "hopline.propagation.outbound.headers"])
def test_failure_of_our_own_is_not_the_applications(recorder, backend, fetch, monkeypatch, ours):
    """I10: when the hook itself fails, the call goes through and a counter rises."""
    monkeypatch.setattr(ours, lambda *_, **__: 1 // 0)
    fetch(f"{backend.url}/ok")
    assert len(backend.requests) == 1
    assert recorder.counters()["events"]["hook_errors"] == 1


@pytest.mark.parametrize(("trusted", "expected"), [(("loopback",), "uid=u-1"), ((".internal",), None)])
def test_grpc_baggage_stays_with_trusted_hosts(trusted, expected):
    """P5: the same for gRPC, whose channel names the host."""
    seen = {}

    def get(request, context):
        seen.update(context.invocation_metadata())
        return b""

    handler = grpc.method_handlers_generic_handler("shop.Stock", {"Get": grpc.unary_unary_rpc_method_handler(get)})
    with Recorder(trusted_hosts=trusted), hopline.span("work") as span:
        hopline.put("uid", "u-1")
        server = grpc.server(ThreadPoolExecutor(1), [handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            channel.unary_unary("/shop.Stock/Get")(b"", timeout=60)
        server.stop(None).wait()
    assert seen.get("baggage") == expected
    assert span.trace_id in seen["traceparent"]
