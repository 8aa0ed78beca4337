"""Patching beside others: agents that were there before us, and agents that came after."""

import functools
import threading

import httpx
import pytest
import wrapt

import hopline
from hopline.hooks.around import around
from hopline.hooks.patch import Patches
from hopline.tracer import call


class Base:
    def get(self, name):
        return f"{type(self).__name__} {name}"


class Library(Base):
    def put(self, name):
        return f"put {name}"


def start(args, _kwargs):
    span = call(f"call {args[1]}")
    span.begin()
    return span


@pytest.fixture
def patches():
    patches = Patches()
    yield patches
    patches.undo()


@wrapt.decorator
def agent(wrapped, instance, args, kwargs):
    assert instance is not None
    return f"[{wrapped(*args, **kwargs)}]"


@wrapt.decorator
def transparent(wrapped, instance, args, kwargs):
    """As OpenTelemetry's instrumentations do, this asks the instance."""
    assert type(instance).__name__
    assert instance is not None
    return wrapped(*args, **kwargs)


def test_beside_an_agent_that_was_first(recorder, patches, monkeypatch):
    """I4: a target that another agent has patched with wrapt is called as its class would call it."""
    monkeypatch.setattr(Library, "put", agent(vars(Library)["put"]))
    patches.wrap(Library, "put", around(start))
    assert Library().put("a") == "[put a]"
    assert recorder.one(kind="client").name == "call a"
    patches.undo()
    assert Library().put("b") == "[put b]"


def test_inherited_attributes(recorder, patches):
    """I4: what a class inherits is patched on it, and gone from it afterwards; its base stays as it was."""
    patches.wrap(Library, "get", around(start))
    assert (Library().get("a"), Base().get("b")) == ("Library a", "Base b")
    assert [row.name for row in recorder.spans] == ["call a"]
    patches.undo()
    assert "get" not in vars(Library)


def test_base_and_subclass(recorder, patches):
    """I4: a call of a subclass whose base is patched too is one row."""
    patches.wrap(Base, "get", around(start))
    patches.wrap(Library, "get", around(start))
    Library().get("a")
    assert len(recorder.spans) == 1


def test_undo_leaves_others_on_top(recorder, patches, monkeypatch):
    """I4: uninstalling takes out ours alone: what another agent has put on top stays, and no row is made."""
    original = vars(Library)["put"]
    patches.wrap(Library, "put", around(start))
    ours = vars(Library)["put"]

    @functools.wraps(ours)
    def on_top(self, name):
        return f"<{ours(self, name)}>"

    monkeypatch.setattr(Library, "put", on_top)
    patches.undo()
    assert Library().put("a") == "<put a>"
    assert recorder.spans == []
    patches.wrap(Library, "put", around(start))
    assert Library().put("b") == "<put b>"
    assert len(recorder.spans) == 1
    patches.undo()
    monkeypatch.setattr(Library, "put", original)


def test_httpx_and_threads_beside_an_agent(recorder, backend, monkeypatch):
    """I4: beside an agent that has patched httpx and threads with wrapt, calls go through and are rows."""
    for owner, name in ((httpx.HTTPTransport, "handle_request"), (threading.Thread, "start")):
        monkeypatch.setattr(owner, name, transparent(vars(owner)[name]))
    hopline.install("httpx", "threads")
    try:
        with hopline.span("work") as work:
            assert httpx.get(f"{backend.url}/ok", timeout=60).status_code == 200
            thread = threading.Thread(target=lambda: hopline.span("below").__enter__().__exit__(None, None, None))
            thread.start()
            thread.join()
    finally:
        hopline.uninstall("httpx", "threads")
    assert recorder.one(kind="client").parent_id == work.id
    assert recorder.one(name="below").parent_id == work.id
