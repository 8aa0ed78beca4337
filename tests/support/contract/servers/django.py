"""Django by its hook, under WSGI and under ASGI."""

import gc
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import path

from support.contract import running
from support.contract.server import IGNORED, Broken, Caller, Subject, broken_lines, endless_lines, lines, ok
from support.contract.servers.asgi import cancelled, each
from support.contract.servers.wsgi import NO_TASK


def breaks(_: Any) -> HttpResponse:
    raise Broken("no stock")


async def be_cancelled(_: Any) -> HttpResponse:
    await cancelled()
    return HttpResponse()


def urls(name: str, stream: Any) -> str:
    """Name of a module of routes whose bodies are what ``stream`` makes of an iterator of texts."""
    module = ModuleType(name)
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("ok/<int:number>", lambda _, number: JsonResponse(ok())),
        path(IGNORED[1:], lambda _: JsonResponse(ok())),
        path("status/<int:code>", lambda _, code: HttpResponse(status=code)),
        path("breaks", breaks),
        path("cancelled", be_cancelled),
        path("stream", lambda _: StreamingHttpResponse(stream(lines()))),
        path("stream-breaks", lambda _: StreamingHttpResponse(stream(broken_lines()))),
        path("endless", lambda _: StreamingHttpResponse(stream(endless_lines()))),
    ]
    sys.modules[name] = module
    return name


@contextmanager
def configured(root: str) -> Iterator[None]:
    if not settings.configured:
        settings.configure(SECRET_KEY="of this test")
        django.setup()
    logging.getLogger("django").setLevel(logging.CRITICAL + 1)
    with override_settings(ROOT_URLCONF=root, ALLOWED_HOSTS=["*"], MIDDLEWARE=[]):
        yield


@contextmanager
def serve_wsgi() -> Iterator[Caller]:
    with configured(urls("contract_urls", iter)), running.wsgi(WSGIHandler()) as caller:
        yield caller


@contextmanager
def serve_asgi() -> Iterator[Caller]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Django leaves the body's file of a request that it cancels
        with configured(urls("contract_urls_async", each)), running.asgi(ASGIHandler()) as caller:
            yield caller
        gc.collect()


SUBJECTS = [
    Subject("django (WSGI)", serve_wsgi, hooks=("django",), leaves_out=NO_TASK),
    Subject("django (ASGI)", serve_asgi, hooks=("django",)),
]
