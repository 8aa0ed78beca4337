import logging

import pytest

import hopline
from hopline import config as settings
from hopline import tracer as tracing
from hopline.config import Config


def test_every_setting_has_a_default_and_help():
    """O2: every setting has name, default and help in one table."""
    assert all(setting.help and setting.name == name for name, setting in settings.SETTINGS.items())


def test_environment_and_overrides():
    """I6: everything is settable by HOPLINE_*; arguments win over it."""
    environ = {
        "HOPLINE_SERVICE": "orders",
        "HOPLINE_SAMPLE": "0.25",
        "HOPLINE_MASK": "iban, pin",
        "HOPLINE_ENABLED": "off",
        "HOPLINE_BATCH_ROWS": "7",
        "HOPLINE_ZONE": "",
    }
    config, problems = settings.load({"batch_rows": 9}, environ)
    assert (config.service, config.sample, config.mask, config.enabled, config.batch_rows, config.zone) == (
        "orders",
        0.25,
        ("iban", "pin"),
        False,
        9,
        "",
    )
    assert problems == []


def test_otel_names_are_honoured_when_ours_are_unset():
    """I6: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES hold unless ours are set."""
    environ = {
        "OTEL_SERVICE_NAME": "named",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,service.version=1.2,deployment.environment.name=prod,bad",
    }
    config, _ = settings.load({}, environ)
    assert (config.service, config.version, config.env) == ("named", "1.2", "prod")
    config, _ = settings.load({}, {**environ, "HOPLINE_SERVICE": "ours", "HOPLINE_ENV": "test"})
    assert (config.service, config.version, config.env) == ("ours", "1.2", "test")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample", "1.5"),
        ("sample", "nan"),
        ("sample", "much"),
        ("sample", "0.00001"),
        ("enabled", "maybe"),
        ("b3", "triple"),
        ("baggage_bytes", "10000"),
        ("buffer_rows", "0"),
        ("batch_ms", "-1"),
        ("clock", 7),
    ],
)
def test_bad_values_fall_back_to_the_default(name, value):
    """I10: a bad setting is named and its default holds."""
    config, problems = settings.load({name: value}, {})
    assert getattr(config, name) == getattr(Config(), name)
    assert len(problems) == 1
    assert name in problems[0]


@pytest.mark.parametrize("endpoint", ["", "ftp://x", "kafka://", "http://", "nonsense"])
def test_a_bad_setting_never_reaches_the_application(endpoint, caplog):
    """I10: bad settings: the application runs on, a counter rises, a warning is logged."""
    before = tracing.activate(None)
    try:
        with caplog.at_level(logging.WARNING):
            hopline.configure(service="shop", endpoint=endpoint, colour="red")
            with hopline.span("works"):
                pass
        assert hopline.counters()["events"]["bad_settings"] >= 1
        assert caplog.records
    finally:
        hopline.shutdown(1)
        tracing.activate(before)


def test_shutdown_stops_and_configure_begins_anew():
    """S5: after shutdown nothing is recorded until configure is called again."""
    before = tracing.activate(None)
    try:
        hopline.configure(service="shop", endpoint="memory:")
        with hopline.span("one"):
            pass
        hopline.shutdown(5)
        with hopline.span("two") as two:
            assert not two.recording
        assert (hopline.counters()["recorded"], hopline.counters()["sent"]) == (1, 1)
        hopline.configure(service="shop", endpoint="memory:")
        with hopline.span("three"):
            pass
        assert hopline.flush(60)
        assert hopline.counters()["sent"] == 1
        hopline.shutdown(5)
    finally:
        tracing.activate(before)


def test_configure_inside_a_span_loses_nothing(collector):
    """S5: a new configuration takes over what is open, in a forked worker too, and what comes below it."""
    before = tracing.activate(None)
    try:
        hopline.configure(service="first", endpoint=collector.url)
        with hopline.span("root"), hopline.span("early"):
            hopline.configure(service="second", endpoint=collector.url)
            with hopline.span("late"):
                pass
        assert hopline.flush(60)
        counters = hopline.counters()
    finally:
        hopline.shutdown(1)
        tracing.activate(before)
    ended = [(row["service"], row["name"], row["span_id"]) for row in collector.rows if row["duration_us"] is not None]
    assert sorted(ended) == [("second", "early", "0.1"), ("second", "late", "0.1.1"), ("second", "root", "0")]
    assert (counters["recorded"], counters["sent"], counters["depth"]) == (3, 3, 0)
