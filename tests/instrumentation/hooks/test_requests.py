"""requests and urllib3."""

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

import hopline


@pytest.fixture(autouse=True)
def _hooks(install):
    install("requests", "urllib3")


def test_one_client_row_whose_path_the_callee_takes(recorder, backend):
    """I4: a call makes one client row named by its method, and the callee's row has its path."""
    with hopline.span("work"):
        assert requests.get(f"{backend.url}/ok?secret=1", timeout=60).status_code == 200
    client = recorder.one(kind="client")
    server = recorder.one(kind="server")
    assert recorder.tree().splitlines() == [
        "0 local shop work",
        "  0.1 client shop GET",
        "  0.1 server shop GET /ok",
    ]
    assert server.parent_id == client.id
    assert client.tags["http.request.method"] == "GET"
    assert client.tags["http.response.status_code"] == "200"
    assert client.attrs["url.full"] == f"{backend.url}/ok"
    assert client.peer == "shop"
    assert client.duration_us >= server.duration_us


def test_no_second_row_for_the_pool_below(recorder, backend):
    """M4: requests over urllib3 is one call, not a call inside a call."""
    with hopline.span("work"):
        requests.get(f"{backend.url}/ok", timeout=60)
        urllib3.request("GET", f"{backend.url}/ok")
    assert [row.span_id for row in recorder.spans if row.kind == "client"] == ["0.1", "0.2"]


def test_retries_are_rows_with_their_number(recorder, backend):
    """I4: each retry is a row of its own, numbered by attempt, failed ones marked."""
    backend.failures = 2
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=urllib3.Retry(3, status_forcelist=[503], backoff_factor=0)))
    with hopline.span("work"), session:
        assert session.get(f"{backend.url}/flaky", timeout=60).status_code == 200
    clients = [row for row in recorder.spans if row.kind == "client"]
    assert [(row.span_id, row.attempt, row.error_type) for row in clients] == [
        ("0.1", 0, "503"),
        ("0.2", 1, "503"),
        ("0.3", 2, ""),
    ]
    assert {row.parent_id for row in recorder.spans if row.kind == "server"} == {row.id for row in clients}


def test_redirect_is_a_second_call(recorder, backend):
    """I4: a redirect's target is a call of its own, and a first attempt."""
    with hopline.span("work"):
        requests.get(f"{backend.url}/redirect", timeout=60)
    clients = [row for row in recorder.spans if row.kind == "client"]
    assert [(row.tags["http.response.status_code"], row.attempt) for row in clients] == [("302", 0), ("200", 0)]


def test_client_error_is_an_error_of_the_client_row(recorder, backend):
    """I4: 404 fails the client row and not the server row."""
    with hopline.span("work"):
        requests.get(f"{backend.url}/missing", timeout=60)
    assert recorder.one(kind="client").error_type == "404"
    assert not recorder.one(kind="server").error


def test_refused_connection_is_raised_unchanged(recorder, closed_port):
    """I10: the application gets the library's own error, and the row keeps its type."""
    with hopline.span("work"), pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{closed_port}/", timeout=60)
    row = recorder.one(kind="client")
    assert (row.error_type, row.peer) == ("NewConnectionError", f"127.0.0.1:{closed_port}")


def test_row_ends_with_the_body(recorder, backend):
    """I4: a streamed answer's row is open until its body has been read."""
    with hopline.span("work"):
        answer = requests.get(f"{backend.url}/stream", stream=True, timeout=60)
        assert [row for row in recorder.spans if row.kind == "client"] == []
        assert answer.content == b"onetwo"
        assert recorder.one(kind="client").tags["http.response.status_code"] == "200"


def test_row_ends_when_the_body_is_not_wanted(recorder, backend):
    """I4: closing an answer early ends its row without an error."""
    with hopline.span("work"), requests.get(f"{backend.url}/stream", stream=True, timeout=60):
        pass
    assert not recorder.one(kind="client").error


def test_body_cut_short_fails_the_row(recorder, backend):
    """I4: an answer that ends too early is an error of the client row."""
    with hopline.span("work"), pytest.raises(requests.RequestException):
        requests.get(f"{backend.url}/cut", timeout=60)
    assert recorder.one(kind="client").error_type == "ProtocolError"


def test_unsampled_call_carries_ids(install, backend):
    """I7: an unsampled trace makes no rows but hands its ids on with flag 00."""
    from hopline.testing import Recorder

    with Recorder(service="shop", sample=0) as recorder:
        with hopline.span("work"):
            requests.get(f"{backend.url}/ok", timeout=60)
        assert recorder.spans == []
    assert backend.requests[-1]["traceparent"].endswith("-02")


def test_baggage_stays_with_trusted_hosts(backend):
    """P5: baggage leaves to trusted hosts only, the trace to all."""
    from hopline.testing import Recorder

    for trusted, expected in ((("loopback",), "uid=u-1"), ((".internal",), None)):
        with Recorder(service="shop", trusted_hosts=trusted), hopline.span("work"):
            hopline.put("uid", "u-1")
            requests.get(f"{backend.url}/ok", timeout=60)
        assert backend.requests[-1].get("baggage") == expected
        assert "traceparent" in backend.requests[-1]


def test_headers_of_the_session_stay_as_they_are(recorder, backend):
    """I4: our headers are written into the request alone, over older ones of the same name."""
    session = requests.Session()
    session.headers["Traceparent"] = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    before = dict(session.headers)
    with hopline.span("work") as span, session:
        session.get(f"{backend.url}/ok", timeout=60)
        assert span.trace_id in backend.requests[-1]["traceparent"]
    assert dict(session.headers) == before


def test_uninstall_restores_the_originals():
    """I4: install twice is install once, and uninstall brings the originals back."""
    hopline.uninstall("requests", "urllib3")
    original = urllib3.HTTPConnectionPool._make_request
    hopline.install("requests")
    hopline.install("urllib3", "requests")
    assert urllib3.HTTPConnectionPool._make_request is not original
    hopline.uninstall("requests")
    assert urllib3.HTTPConnectionPool._make_request is not original
    hopline.uninstall("urllib3")
    assert urllib3.HTTPConnectionPool._make_request is original
