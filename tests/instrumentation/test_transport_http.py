import subprocess
import sys

import pytest

import hopline
from hopline import tracer as tracing
from hopline.testing import Recorder
from hopline.transports.http import MAX_POST
from support import wait_until


@pytest.fixture
def configured(collector):
    before = tracing.activate(None)

    def configure(**overrides):
        hopline.configure(service="shop", **{"endpoint": collector.url, "batch_ms": 1, **overrides})

    yield configure
    hopline.shutdown(2)
    tracing.activate(before)


def test_rows_arrive_as_documented(configured, collector):
    """S6: HTTP: process facts once, rows with the model's names, a batch id, a report."""
    configured(zone="z1", token="s3cret")
    with hopline.span("root"), hopline.span("call", kind="client", peer="stock") as call:
        call.fail("Timeout", "late \ud800")
    assert hopline.flush(60)
    headers, body = collector.requests[0]
    assert headers["path"] == "/api/v1/spans"
    assert headers["Authorization"] == "Bearer s3cret"
    assert len(headers["Hopline-Batch-Id"]) == 32
    assert (body["process"]["service"], body["process"]["zone"]) == ("shop", "z1")
    assert body["report"]["recorded"] == 2
    row = next(row for row in collector.rows if row["name"] == "call")
    assert (row["span_id"], row["kind"], row["peer"], row["error"]) == ("0.1", "client", "stock", True)
    assert row["error_text"] == "late ?"
    assert row["flags"] == {"sampled": True, "debug": False, "load_test": False}
    assert hopline.counters()["sent"] == 2


def test_pressure_is_tried_again_with_the_same_batch_id(configured, collector):
    """S7: 503 and 429 keep the batch; the retry carries the same batch id, so nothing is stored twice."""
    configured()
    collector.answers = [(503, b""), (429, b"")]
    with hopline.span("root"):
        pass
    wait_until(lambda: hopline.counters()["sent"] == 1)
    assert len({headers["Hopline-Batch-Id"] for headers, _ in collector.requests[:3]}) == 1
    assert hopline.counters()["dropped"] == {}


def test_refusals_and_rejected_rows_are_counted(configured, collector):
    """S5: 400 drops the batch, a rejected row counts as dropped."""
    configured()
    collector.answers = [(400, b"no"), (202, b'{"accepted": 0, "rejected": [{"index": 0, "reason": "x"}]}')]
    for name in ("refused", "rejected"):
        with hopline.span(name):
            pass
        assert not hopline.flush(60)
    assert hopline.counters()["dropped"] == {"refused": 1, "rejected": 1}


def test_gzip_by_setting(configured, collector):
    """S3: compression by setting."""
    configured(compression="gzip")
    for n in range(50):
        with hopline.span(f"row {n}"):
            pass
    assert hopline.flush(60)
    assert len(collector.rows) == 50


def test_own_requests_are_not_traced(configured, collector):
    """S1: the sender thread traces nothing of its own."""
    hopline.install("urllib")
    try:
        configured()
        with hopline.span("root"):
            pass
        assert hopline.flush(60)
        assert hopline.flush(60)
        assert [row["name"] for row in collector.rows] == ["root"]
        assert all("traceparent" not in headers for headers, _ in collector.requests)
    finally:
        hopline.uninstall("urllib")


@pytest.mark.usefixtures("patient_exit")
def test_exit_sends_the_rest(collector):
    """S5: atexit drains within its timeout; open rows go as unfinished copies."""
    script = (
        "import hopline\n"
        f"hopline.configure(service='script', endpoint={collector.url!r}, batch_ms=10_000)\n"
        "for n in range(3):\n"
        "    with hopline.span(f'row {n}'): pass\n"
        "hopline.span('open').__enter__()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    assert [(row["name"], row["duration_us"] is None) for row in collector.rows] == [
        ("row 0", False),
        ("row 1", False),
        ("row 2", False),
        ("open", True),
    ]


def test_exit_does_not_wait_for_a_dead_endpoint():
    """S5, I10: a dead endpoint delays the exit by no more than the exit timeout, with one warning and no traceback."""
    script = (
        "import hopline\n"
        "hopline.configure(service='script', endpoint='http://127.0.0.1:1', exit_timeout_s=0.3)\n"
        "with hopline.span('row'): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True, text=True)
    assert done.stderr.count("\n") == 1
    assert "cannot be sent" in done.stderr


def test_posts_are_split_by_their_bytes(collector):
    """S3: rows of three bytes a character stay below the limit of a post, each arrives once, and flush says so."""
    before = tracing.activate(None)
    try:
        hopline.configure(service="shop", endpoint=collector.url, batch_ms=60_000, row_bytes=60_000)
        with hopline.span("root"):
            for n in range(400):
                with hopline.span(f"row {n}") as row:
                    for tag in range(8):
                        row.attr(f"text.{tag}", "字" * 2_000)
        assert hopline.flush(60)
        counters = hopline.counters()
    finally:
        hopline.shutdown(1)
        tracing.activate(before)
    assert len({row["id"] for row in collector.rows}) == len(collector.rows) == 401
    assert (counters["sent"], counters["dropped"]) == (401, {})
    assert len(collector.requests) > 2
    assert all(int(headers["Content-Length"]) <= MAX_POST for headers, _ in collector.requests)


def test_a_smaller_limit_of_the_far_side(collector):
    """S3: what a proxy refuses as too large is sent in halves."""
    before = tracing.activate(None)
    collector.answers += [(413, b""), (413, b"")]
    try:
        hopline.configure(service="shop", endpoint=collector.url, batch_ms=60_000)
        with hopline.span("root"):
            for n in range(3):
                with hopline.span(f"row {n}"):
                    pass
        assert hopline.flush(60)
        counters = hopline.counters()
    finally:
        hopline.shutdown(1)
        tracing.activate(before)
    assert (counters["sent"], counters["dropped"]) == (4, {})


def test_row_bytes_are_bytes():
    """I8: the cap of a row counts bytes on the wire, whatever the letters."""
    with Recorder(row_bytes=2_000) as recorder:
        with hopline.span("row") as row:
            for n in range(10):
                row.tag(f"t{n}", "字" * 120)
        tags = recorder.one(name="row").tags
    assert sum(len(key.encode()) + len(value.encode()) for key, value in tags.items()) <= 2_050
    assert int(tags["hopline.cut"]) >= 4
