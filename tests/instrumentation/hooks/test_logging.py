"""Log records with trace ids."""

import functools
import io
import logging

import pytest

import hopline
from hopline import tracer as tracing
from hopline.hooks.logging import TraceContextFilter, fields
from hopline.testing import Recorder

FORMAT = "%(trace_id)s|%(span_id)s|%(id)s|%(service)s|%(message)s"


@pytest.fixture
def log():
    """A logger and what its only handler wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(FORMAT))
    logger = logging.getLogger("test.orders")
    logger.setLevel("INFO")
    logger.propagate = False
    logger.addHandler(handler)
    logger.stream = stream
    yield logger
    logger.removeHandler(handler)


def test_every_record_has_the_fields(recorder, install, log):
    """I9: records inside a span carry trace id, path, row id and service; outside, empty ids."""
    install("logging")
    with hopline.span("work"), hopline.span("step") as step:
        log.info("inside")
    log.info("outside")
    inside, outside = log.stream.getvalue().splitlines()
    assert inside == f"{step.trace_id}|0.1|{step.id}|shop|inside"
    assert outside == "|||shop|outside"


def test_otel_names_are_there_too(recorder, install, log, caplog):
    """I9: the names that OpenTelemetry's log formats use work as well."""
    install("logging")
    log.handlers[0].setFormatter(logging.Formatter("%(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s"))
    with hopline.span("work") as span:
        log.info("inside")
    log.info("outside")
    assert log.stream.getvalue().splitlines() == [f"{span.trace_id} {span.id} True", "0 0 False"]


def test_unsampled_traces_keep_their_id_in_logs(install, log):
    """I7: logs of an unsampled trace still carry its id."""
    install("logging")
    with Recorder(service="shop", sample=0), hopline.span("work"), hopline.span("step"):
        log.info("inside")
        trace_id = hopline.current_span().trace_id
    assert trace_id
    assert log.stream.getvalue().startswith(f"{trace_id}|0|")


def test_logged_exception_becomes_an_annotation(recorder, install, log):
    """I9: an exception that is logged is noted on the span, which does not fail for it."""
    install("logging")
    with hopline.span("work"):
        try:
            raise ValueError("no stock")
        except ValueError:
            log.exception("handled")
    row = recorder.one(name="work")
    assert [(key, value) for _, key, value in row.annotations] == [("exception", "ValueError: no stock")]
    assert not row.error


@pytest.mark.parametrize("name", ["id", "service", "trace_id"])
def test_extra_may_use_our_names(recorder, install, log, name):
    """I10: an application that logs its own `id` goes on doing so, and its value wins."""
    install("logging")
    log.handlers[0].setFormatter(logging.Formatter(f"%({name})s %(order)s"))
    log.info("inside", extra={name: "mine", "order": 7})
    assert log.stream.getvalue() == "mine 7\n"


def test_filter_serves_one_handler(recorder, log):
    """I9: the filter adds the fields without the hook."""
    log.handlers[0].addFilter(TraceContextFilter())
    with hopline.span("work") as span:
        log.info("inside")
    assert log.stream.getvalue() == f"{span.trace_id}|0|{span.id}|shop|inside\n"


def test_other_factories_are_chained(recorder, log):
    """I9: a factory of the application, before ours or after it, keeps working."""
    first = logging.getLogRecordFactory()

    def stamped(*args, **kwargs):
        record = first(*args, **kwargs)
        record.stamp = "first"
        return record

    logging.setLogRecordFactory(stamped)
    try:
        hopline.install("logging")
        hopline.install("logging")
        ours = logging.getLogRecordFactory()
        logging.setLogRecordFactory(functools.partial(ours))
        log.handlers[0].setFormatter(logging.Formatter("%(stamp)s %(service)s"))
        log.info("inside")
        assert log.stream.getvalue() == "first shop\n"
        hopline.uninstall("logging")
        record = logging.getLogger("orders").makeRecord("orders", 20, "f", 1, "m", (), None)
        assert record.stamp == "first"
        assert not hasattr(record, "trace_id")
        logging.setLogRecordFactory(ours)
        hopline.uninstall("logging")
        assert logging.getLogRecordFactory() is stamped
    finally:
        hopline.uninstall("logging")
        logging.setLogRecordFactory(first)


def test_first_log_line_may_make_the_tracer(install, log, monkeypatch):
    """I10: a bad setting, which is warned about while the tracer is made, ends in no loop."""
    monkeypatch.setenv("HOPLINE_SAMPLE", "many")
    monkeypatch.setenv("HOPLINE_SERVICE", "from-environment")
    before = tracing.activate(None)
    try:
        install("logging")
        log.info("first")
        assert log.stream.getvalue() == "|||from-environment|first\n"
    finally:
        tracing.activate(before)


def test_structlog(recorder):
    """I9: three lines for structlog."""
    import structlog

    def add_trace(logger, method, event):
        return event | fields()

    structlog.configure(processors=[add_trace, structlog.testing.LogCapture()])
    capture = structlog.get_config()["processors"][-1]
    try:
        with hopline.span("work") as span:
            structlog.get_logger().info("inside", order=7)
    finally:
        structlog.reset_defaults()
    assert capture.entries[0] == {
        "event": "inside",
        "order": 7,
        "log_level": "info",
        "trace_id": span.trace_id,
        "span_id": "0",
        "id": span.id,
        "service": "shop",
    }


def test_loguru(recorder):
    """I9: one line for loguru."""
    from loguru import logger

    stream = io.StringIO()
    logger.configure(
        handlers=[{"sink": stream, "format": "{extra[trace_id]} {extra[span_id]} {message}"}],
        patcher=lambda record: record["extra"].update(fields()),
    )
    try:
        with hopline.span("work") as span:
            logger.info("inside")
    finally:
        logger.remove()
    assert stream.getvalue() == f"{span.trace_id} 0 inside\n"
