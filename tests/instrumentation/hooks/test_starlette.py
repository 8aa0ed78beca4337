"""FastAPI and Starlette without a change of code."""

import asyncio

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import hopline
from hopline.middleware.asgi import TraceMiddleware


def get(app, path):
    """The answer of an application in this process."""

    async def fetch():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.get(path)

    return asyncio.run(fetch())


async def item(request):
    return PlainTextResponse("fine")


@pytest.fixture(autouse=True)
def _hook(install):
    install("starlette")


def test_fastapi(recorder):
    """I6: an application that knows nothing of tracing gets its server rows and background rows."""
    app, orders = FastAPI(), APIRouter(prefix="/orders")

    def note():
        pass

    @orders.get("/{number}")
    def order(number: int, tasks: BackgroundTasks):
        tasks.add_task(note)
        with hopline.span("look up"):
            return number

    @app.get("/broken")
    def broken():
        raise ZeroDivisionError("no stock")

    app.include_router(orders)
    assert get(app, "/orders/7").status_code == 200
    assert get(app, "/broken").status_code == 500
    assert [(row.name, row.error_type) for row in recorder.spans if row.kind == "server"] == [
        ("GET /orders/{number}", ""),
        ("GET /broken", "ZeroDivisionError"),
    ]
    assert recorder.one(name="look up").span_id == "0.1"
    assert len([row for row in recorder.spans if row.name.startswith("background ")]) == 1


def test_mounted_applications_add_no_row(recorder):
    """I3: exactly one server row per request, whatever is mounted in what."""
    inner = Starlette(routes=[Route("/items/{number}", item)])
    outer = Starlette(routes=[Mount("/shop", inner)])
    assert get(outer, "/shop/items/7").text == "fine"
    assert recorder.one(kind="server").name == "GET /shop/items/{number}"


def test_middleware_by_hand_and_by_hook_is_one_row(recorder):
    """I4: adding the middleware as well adds no row."""
    app = Starlette(routes=[Route("/", item)], middleware=[Middleware(TraceMiddleware), Middleware(TraceMiddleware)])
    get(app, "/")
    assert len(recorder.spans) == 1


def test_uninstall_restores_the_original():
    """I4: uninstall brings the original back."""
    hopline.install("starlette")
    patched = Starlette.__call__
    hopline.uninstall("starlette")
    assert Starlette.__call__ is patched.__wrapped__


@pytest.mark.parametrize(
    ("left_in_the_scope", "name"),
    [
        ({"path_template": "/orders/{number}"}, "GET /orders/{number}"),  # Litestar's router
        ({"hopline.route": "/orders/<int:number>"}, "GET /orders/{number}"),  # Quart's rule
        ({"path_template": "/graphql", "hopline.route": "/graphql query Orders"}, "GET /graphql query Orders"),
        ({}, "GET"),
    ],
)
def test_routers_we_do_not_know(recorder, left_in_the_scope, name):
    """I3: the row has the route that the router or the application leaves in the scope, in one spelling."""

    async def app(scope, receive, send):
        scope.update(left_in_the_scope)
        await PlainTextResponse("fine")(scope, receive, send)

    get(TraceMiddleware(app), "/orders/7")
    assert recorder.one(kind="server").name == name


def test_a_graphql_operation_below_a_known_route(recorder):
    """I3: what the endpoint itself names goes before its route: all of GraphQL is one."""

    async def graphql(request):
        request.scope["hopline.route"] = "/graphql query Orders"
        return PlainTextResponse("fine")

    get(Starlette(routes=[Route("/graphql", graphql)]), "/graphql")
    assert recorder.one(kind="server").name == "GET /graphql query Orders"
