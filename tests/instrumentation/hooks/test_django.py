"""Django, under WSGI and under ASGI."""

import asyncio
from wsgiref.util import FileWrapper

import django
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import override_settings
from django.urls import include, path, re_path
from django.utils.decorators import async_only_middleware, sync_only_middleware

import hopline
from hopline.hooks import django as hook
from hopline.middleware.wsgi import TraceMiddleware

PARENT = "00-6921c0de0123456789abcdef01234567-00f067aa0ba902b7-01"
STATE = "hop=00f067aa0ba902b7;0.3;1000;gateway;z1;h1:8001;GET%20/"

if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of this test", MIDDLEWARE=[])
    django.setup()


def order(request, **parameters):
    with hopline.span("look up"):
        hopline.set_uid("u-7")
    return HttpResponse("fine")


async def order_async(request, **parameters):
    async with hopline.span("look up"):
        await sync_to_async(hopline.set_uid)("u-7")
    return HttpResponse("fine")


def broken(request):
    raise ZeroDivisionError("no stock")


def forbidden(request):
    raise PermissionDenied


def stream(request):
    def chunks():
        with hopline.span("chunk"):
            yield b"a"
            yield b"b"

    return StreamingHttpResponse(chunks())


async def stream_async(request):
    async def chunks():
        async with hopline.span("chunk"):
            yield b"a"

    return StreamingHttpResponse(chunks())


def file(request):
    from io import BytesIO

    return FileResponse(BytesIO(b"file"))


def call(request, what):
    headers = {}
    hopline.inject(headers)
    return HttpResponse(headers["tracestate"])


def graphql(request):
    request.META["hopline.route"] = "/graphql query Orders"
    return HttpResponse("fine")


orders = [
    path("<int:number>/", order),
    path("async/<int:number>/", order_async),
    re_path(r"^by/(?P<year>[0-9]{4})/(?:page-(\d+)/)?$", order),
]
urlpatterns = [
    path("orders/", include(orders)),
    path("broken/", broken),
    path("forbidden/", forbidden),
    path("stream/", stream),
    path("stream-async/", stream_async),
    path("file/", file),
    path("graphql", graphql),
    path("call/<slug:what>", call),
]


@pytest.fixture(autouse=True)
def _hook(install):
    install("django")


@pytest.fixture(params=[Client, AsyncClient])
def get(request):
    """``get(path)`` over WSGI and over ASGI, answers of 500 included."""
    client = request.param(raise_request_exception=False)

    def fetch(address, **headers):
        if request.param is Client:
            return client.get(address, headers=headers)

        async def fetch_async():
            answer = await client.get(address, headers=headers)
            answer.body = b"".join([chunk async for chunk in answer]) if answer.streaming else answer.content
            return answer

        return asyncio.run(fetch_async())

    return fetch


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/orders/7/", "GET /orders/{number}/"),
        ("/orders/async/7/", "GET /orders/async/{number}/"),
        ("/orders/by/2025/", "GET /orders/by/{year}/"),
    ],
)
def test_row_is_named_by_the_route(recorder, get, address, name):
    """I3: one server row, METHOD and route template, sync and async views under both servers; it has the uid."""
    answer = get(address, traceparent=PARENT, tracestate=STATE)
    assert answer.content == b"fine"
    row = recorder.one(kind="server")
    assert (row.trace_id, row.span_id, row.caller_service) == (PARENT[3:35], "0.3", "gateway")
    assert row.name.startswith(name)
    assert row.uid == "u-7"
    assert recorder.one(name="look up").span_id == "0.3.1"
    assert answer.headers["hopline-trace-id"] == row.trace_id
    assert answer.headers["hopline-service"] == "shop"


def test_what_a_view_names_goes_before_its_route(recorder, get):
    """I3: a GraphQL view names its operation, for its route is that of all of them."""
    get("/graphql")
    assert recorder.one(kind="server").name == "GET /graphql query Orders"


def test_unknown_path_is_named_by_the_method(recorder, get):
    """I3: never the raw path, and 404 is no error of a server row."""
    assert get("/secret/4711").status_code == 404
    row = recorder.one(kind="server")
    assert (row.name, row.error) == ("GET", False)


def test_error_of_a_view_is_named(recorder, get):
    """I3: Django answers 500 itself; the row still says which error it was."""
    assert get("/broken/").status_code == 500
    row = recorder.one(kind="server")
    assert (row.error_type, row.error_text) == ("ZeroDivisionError", "no stock")
    assert row.tags["http.response.status_code"] == "500"


def test_error_that_becomes_an_answer_is_none(recorder, get):
    """I3: an exception that Django turns into 403 does not fail the row."""
    assert get("/forbidden/").status_code == 403
    assert not recorder.one(kind="server").error


def test_callee_is_told_the_route(recorder, get):
    """P1: the operation in the header is the route that is being served."""
    assert "GET%20/call/" in get("/call/it").content.decode()


def test_streamed_answer_runs_inside_the_row(recorder):
    """I3: what runs between chunks belongs to the row, and the row ends with the last of them."""
    assert Client().get("/stream/").getvalue() == b"ab"
    assert recorder.one(kind="server").name == "GET /stream/"
    assert recorder.one(name="chunk").span_id == "0.1"
    assert hopline.current_span().trace_id == ""


def test_streamed_answer_of_an_async_view(recorder):
    """I3: the same for async streams."""

    async def fetch():
        answer = await AsyncClient().get("/stream-async/")
        return [chunk async for chunk in answer]

    assert asyncio.run(fetch()) == [b"a"]
    assert recorder.one(kind="server").name == "GET /stream-async/"
    assert recorder.one(name="chunk").span_id == "0.1"


def test_client_that_leaves_is_marked(recorder):
    """I3: an answer closed before its end is a disconnect."""
    answer = Client().get("/stream/")
    next(iter(answer))
    answer.close()
    assert recorder.one(kind="server").error_type == "ClientDisconnect"


def test_sent_files_stay_the_servers_own_object(recorder):
    """I3: a file reaches the server as its own file wrapper, so that sendfile still works."""
    environ = RequestFactory().get("/file/").environ | {"wsgi.file_wrapper": FileWrapper}
    answer = WSGIHandler()(environ, lambda *_: None)
    assert isinstance(answer, FileWrapper)
    assert recorder.one(kind="server").name == "GET /file/"
    answer.close()


@sync_only_middleware
def sync_middleware(get_response):
    def serve(request):
        with hopline.span("sync middleware"):
            return get_response(request)

    return serve


@async_only_middleware
def async_middleware(get_response):
    async def serve(request):
        async with hopline.span("async middleware"):
            return await get_response(request)

    return serve


@pytest.mark.parametrize("order", [("sync_middleware", "async_middleware"), ("async_middleware", "sync_middleware")])
@pytest.mark.parametrize("address", ["/orders/7/", "/orders/async/7/"])
def test_sync_and_async_middleware_mixed(recorder, get, order, address):
    """I3: whatever Django moves between threads and loop on the way to the view, the tree is right."""
    with override_settings(MIDDLEWARE=[f"{__name__}.{name}" for name in order]):
        assert get(address).content == b"fine"
    names = [order[0].replace("_", " "), order[1].replace("_", " "), "look up"]
    found = [(row.span_id, row.name) for row in recorder.spans if row.kind == "local"]
    assert found == [("0.1", names[0]), ("0.1.1", names[1]), ("0.1.1.1", names[2])]
    assert recorder.one(kind="server").uid == "u-7"


def test_middleware_by_hand_and_by_hook_is_one_row(recorder):
    """I4: naming the middleware in the settings as well adds no row, and the settings stay as they are."""
    with override_settings(MIDDLEWARE=[hook.NAME]):
        Client().get("/orders/7/")
        assert settings.MIDDLEWARE == [hook.NAME]
    Client().get("/orders/7/")
    assert settings.MIDDLEWARE == []
    assert len([row for row in recorder.spans if row.kind == "server"]) == 2


def test_under_the_wsgi_middleware_there_is_one_row(recorder):
    """I3: the outer middleware's row gets Django's route for its name."""
    environ = RequestFactory().get("/orders/7/").environ
    b"".join(TraceMiddleware(WSGIHandler())(environ, lambda *_: None))
    assert recorder.one(kind="server").name == "GET /orders/{number}/"


def test_uninstall_restores_the_original():
    """I4: uninstall brings the original back."""
    hopline.install("django")
    patched = hook.BaseHandler.load_middleware
    hopline.uninstall("django")
    assert hook.BaseHandler.load_middleware is patched.__wrapped__
