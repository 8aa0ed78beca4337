"""urllib.request."""

import urllib.error
import urllib.request

import pytest

import hopline


@pytest.fixture(autouse=True)
def _hooks(install):
    install("urllib")


def clients(recorder):
    return [row for row in recorder.spans if row.kind == "client"]


def test_call_and_callee_share_a_path(recorder, backend):
    """I4: a call makes one client row, and the callee's row has its path."""
    with hopline.span("work"), urllib.request.urlopen(f"{backend.url}/ok", timeout=60) as answer:
        answer.read()
    client, server = recorder.one(kind="client"), recorder.one(kind="server")
    assert (client.span_id, server.span_id, server.parent_id) == ("0.1", "0.1", client.id)
    assert client.name == "GET"
    assert client.peer == "shop"


def test_redirect_is_a_second_call(recorder, backend):
    """I4: each hop of a redirect is a row."""
    with hopline.span("work"), urllib.request.urlopen(f"{backend.url}/redirect", timeout=60) as answer:
        answer.read()
    assert [(row.span_id, row.tags["http.response.status_code"]) for row in clients(recorder)] == [
        ("0.1", "302"),
        ("0.2", "200"),
    ]
    assert {row.parent_id for row in recorder.spans if row.kind == "server"} == {row.id for row in clients(recorder)}


def test_same_request_again_is_the_next_attempt(recorder, backend):
    """I4: a retry of the same request object has attempt 1."""
    backend.failures = 1
    request = urllib.request.Request(f"{backend.url}/flaky")
    with hopline.span("work"):
        with pytest.raises(urllib.error.HTTPError) as failure:
            urllib.request.urlopen(request, timeout=60)
        failure.value.close()
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
    assert [(row.attempt, row.error_type) for row in clients(recorder)] == [(0, "503"), (1, "")]


def test_row_ends_with_the_body(recorder, backend):
    """I4: the row is open until the body has been read."""
    with hopline.span("work"):
        answer = urllib.request.urlopen(f"{backend.url}/stream", timeout=60)
        assert clients(recorder) == []
        assert answer.read() == b"onetwo"
        assert len(clients(recorder)) == 1


def test_refused_connection_is_raised_unchanged(recorder, closed_port):
    """I10: the application gets urllib's own error."""
    with hopline.span("work"), pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{closed_port}/", timeout=60)
    assert recorder.one(kind="client").error_type == "URLError"


def test_uninstall_restores_the_originals():
    """I4: uninstall brings the original back, installing twice or not."""
    hopline.install("urllib")
    patched = urllib.request.AbstractHTTPHandler.do_open
    hopline.uninstall("urllib")
    assert urllib.request.AbstractHTTPHandler.do_open is patched.__wrapped__
