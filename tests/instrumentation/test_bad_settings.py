"""Settings of every kind of wrong value: the application runs, one warning names each, the default holds."""

import logging
import math
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

import hopline
from hopline import config as settings
from hopline import tracer as tracing
from hopline.config import SERVER_NAMES, SETTINGS, Config
from hopline_deploy.settings import table


class Hostile:
    """What the application passes by mistake: nothing can be asked of it."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __iter__ = __len__ = __float__ = __int__ = __call__ = __str__


WRONG = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.binary(max_size=8),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    st.booleans(),
    st.sampled_from([
        Hostile(), Hostile, object(), math.nan, math.inf, -1, 1e300, 10**40, "nan", "inf", "-1", "1e400", "\x00",
        "\ud800", "a\r\nb: c", "kafka://", "kafka://h:port", "kafka://h:0", "http://h:99999", "http://[::1", "ftp://h",
        "-x", (1, 2),
        lambda: "no number", lambda: 1 / 0, {}, [None], ["\ud800"],
    ]),
)  # fmt: skip


def work():
    """What an application does with us."""
    with hopline.span("work", kind="server"):
        hopline.set_uid("u-1")
        with hopline.span("call", kind="client") as call:
            call.tag("password", "s3cret")
            headers = hopline.inject({}, "example.com")
    return headers


@pytest.fixture
def untouched():
    """The tracer before the test holds again after it."""
    before = tracing.activate(None)
    yield
    hopline.shutdown(0.1)
    tracing.activate(before)


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(SETTINGS)), value=WRONG, in_environment=st.booleans())
@example("endpoint", "kafka://h:port", False)
@example("exit_timeout_s", math.nan, False)
@example("kafka_acks", "-x", True)
@example("trusted_proxies", "10.0.0.0/8, 10.0.0.0/99", True)
def test_no_value_reaches_the_application(  # noqa: PLR0917 - fixtures and examples
    untouched, monkeypatch, caplog, name, value, in_environment
):
    """I10: whatever a setting is, work is done; what cannot be used is warned about once and its default holds."""
    overrides = {"endpoint": "memory:", "exit_timeout_s": 0.1, "exit_away_s": 0.0, name: value}
    with monkeypatch.context() as patch:
        if in_environment:
            text = value if isinstance(value, str) else repr(type(value))
            text = text.encode("utf-8", "replace").decode().replace("\x00", "") or "-"
            patch.setenv("HOPLINE_" + name.upper(), text)
            overrides.pop(name)
        config, problems = settings.load(overrides)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            hopline.configure(**overrides)
            work()
            hopline.counters()
            hopline.flush(0.01)
            hopline.shutdown(0.1)
    if problems:
        named = [record.message for record in caplog.records if f"setting {name}:" in record.message]
        assert len(named) == 1, (problems, caplog.records)
        if name not in {"service", "host"}:
            assert getattr(config, name) == getattr(Config(), name)


def test_a_clock_of_which_nothing_can_be_asked(untouched, monkeypatch, caplog):
    """I10: as above; no explicit example there, for Hypothesis asks those for their text under some Pythons."""
    case = test_no_value_reaches_the_application.hypothesis.inner_test
    case(untouched, monkeypatch, caplog, "clock", Hostile(), False)


def test_a_missing_extra_is_a_warning(untouched, caplog, monkeypatch):
    """I10: kafka:// without the extra: rows are discarded, said once, and no span raises."""
    monkeypatch.setitem(sys.modules, "kafka", None)
    for name in [name for name in sys.modules if name.startswith("hopline.transports.kafka")]:
        monkeypatch.delitem(sys.modules, name)
    with caplog.at_level(logging.WARNING):
        hopline.configure(endpoint="kafka://127.0.0.1:9092")
        work()
        work()
    assert [record.message for record in caplog.records if "setting endpoint" in record.message] != []
    assert len(caplog.records) == 1
    assert hopline.counters()["events"]["bad_settings"] == 1


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("nosuch=hunter2", "the library has no 'nosuch'"),
        ("linger_ms=hunter2", "linger_ms is no number"),
    ],
)
def test_an_option_that_kafka_does_not_know_is_a_warning(untouched, caplog, option, said):
    """I10, I8: rows are discarded, said once with the option's name and without its value."""
    with caplog.at_level(logging.WARNING):
        hopline.configure(endpoint="kafka://127.0.0.1:9092", kafka_options=option)
        work()
        work()
    assert [record.message for record in caplog.records] == [f"setting kafka_options: {said}; rows are discarded"]
    assert hopline.counters()["events"]["bad_settings"] == 1


def test_exit_with_a_bad_time_out():
    """I10: HOPLINE_EXIT_TIMEOUT_S=nan is said once; the program ends as if it were not set."""
    script = "import hopline\nwith hopline.span('work'): pass\nprint('done')"
    environ = {"HOPLINE_EXIT_TIMEOUT_S": "nan", "HOPLINE_ENDPOINT": "http://127.0.0.1:9", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, env=environ, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("exit_timeout_s") == 1


def test_unknown_names_are_said(untouched, caplog, monkeypatch):
    """I6: a mistyped HOPLINE_ name is warned about with the name that was meant, the server's names are none."""
    monkeypatch.setenv("HOPLINE_SAMPEL", "0.1")
    monkeypatch.setenv("HOPLINE_PARTITIONS", "3")
    with caplog.at_level(logging.WARNING):
        hopline.configure(endpoint="memory:")
    assert [record.message for record in caplog.records] == [
        "there is no setting HOPLINE_SAMPEL; is HOPLINE_SAMPLE meant?"
    ]


def test_the_servers_names_are_known():
    """I6: both sides may share an environment."""
    assert {name for name, _, _ in table()} - SERVER_NAMES - SETTINGS.keys() == set()


def test_secrets_stay_out_of_texts():
    """I8: neither token nor passwords stand in what is printed of the settings."""
    config = Config(
        token="s3cret", kafka_options=("sasl_plain_password=s3cret",), endpoint="http://me:s3cret@collector:9411"
    )
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ("sasl_plain_password=a,b=c%,sasl_mechanism=PLAIN", None),
        ("sasl_plain_password=0123,x9,sasl_mechanism=PLAIN", ("sasl_plain_password=0123,x9", "sasl_mechanism=PLAIN")),
        (
            ["sasl_plain_password=a,b_c=d", "sasl_mechanism=PLAIN"],
            ("sasl_plain_password=a,b_c=d", "sasl_mechanism=PLAIN"),
        ),
        ({"sasl_plain_password": "007"}, ("sasl_plain_password=007",)),
    ],
)
def test_kafka_options_keep_their_values(given, pairs):
    """S7: commas and digits of a password stay as they are."""
    options = Config(kafka_options=given).kafka_options
    assert options == pairs if pairs else len(options) == 3
