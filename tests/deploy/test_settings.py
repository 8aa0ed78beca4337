"""Settings of the server: one table, three origins, one page."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hopline_deploy.commands import app
from hopline_deploy.settings import Settings, SettingsError, load, table
from hopline_deploy.settings_page import render

ROOT = Path(__file__).parents[2]


def test_flag_wins_over_environment_over_file(tmp_path: Path) -> None:
    """O2: flags over environment over file over default, and each setting knows its origin."""
    file = tmp_path / "hopline.toml"
    file.write_text('port = 1001\ndatabase = "fromfile"\nfsync = true\n')
    loaded = load({"port": 1003, "data": None}, {"HOPLINE_PORT": "1002", "HOPLINE_GROUP": "fromenv"}, file)
    assert loaded.settings.port == 1003
    assert loaded.settings.database == "fromfile"
    assert loaded.settings.group == "fromenv"
    assert loaded.settings.fsync is True
    assert [loaded.origins[n] for n in ("port", "group", "database", "data")] == [
        "flag",
        "environment",
        "file",
        "default",
    ]
    assert loaded.given("port")
    assert not loaded.given("data")


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"HOPLINE_PORT": "many"}, "environment: port"),
        ({"HOPLINE_PORT": "70000"}, "use 0 to 65535"),
        ({"HOPLINE_FSYNC": "maybe"}, "neither true nor false"),
        ({"HOPLINE_BASE_PATH": "tracing/"}, "begin with /"),
        ({"HOPLINE_LOG_LEVEL": "loud"}, "use debug"),
        ({"HOPLINE_PARTITIONS": "0"}, "use 1 or more"),
        ({"HOPLINE_KEEP": "1.5"}, "keep is 1.5: use 0 to 1"),
        ({"HOPLINE_KEEP": "nan"}, "keep is nan: use 0 to 1"),
        ({"HOPLINE_KEEP": "half"}, "environment: keep"),
        ({"HOPLINE_THINNING_SHARE": "-0.1"}, "use 0 to 1"),
        ({"HOPLINE_THINNING_SLOW_S": "inf"}, "use 0 to 604800"),
        ({"HOPLINE_THINNING_DAYS": "7", "HOPLINE_SPAN_DAYS": "30"}, "8 and more"),
        ({"HOPLINE_THINNING_DAYS": "8", "HOPLINE_SPAN_DAYS": "8"}, "less than span_days"),
        ({"HOPLINE_CLICKHOUSE": "http://a,http://b"}, "cluster by setting cluster"),
        ({"HOPLINE_INSERT_QUORUM": "2"}, "only a replicated cluster"),
        ({"HOPLINE_FREE_DISK_BYTES": "-1"}, "use 0 or more"),
        ({"HOPLINE_THINNING_DAYS": "8", "HOPLINE_SPAN_DAYS": "30", "HOPLINE_CLUSTER": "c"}, "not on a replicated"),
        ({"HOPLINE_TOPICS": "spans"}, "'spans': write topic=format"),
        ({"HOPLINE_TOPICS": "a=native,b=soap,c=otlp,d=zipkin"}, "'b=soap': write topic=format"),
        ({"HOPLINE_TOPICS": "a=native,a=otlp,d=zipkin"}, "topics: one is named twice"),
        ({"HOPLINE_TOPICS": "a=native,b=zipkin"}, "topics: none has format otlp"),
        ({"HOPLINE_REPLICATION_FACTOR": "-1"}, "replication_factor is -1"),
    ],
)
def test_a_bad_value_is_named(environ: dict[str, str], says: str) -> None:
    """O2: a value out of range says which setting it is and what it may be."""
    with pytest.raises(SettingsError, match=says):
        load({}, environ)


def test_an_empty_share_leaves_the_rate_as_it_is(tmp_path: Path) -> None:
    """C6: 0 keeps nothing and 1 everything, so neither can stand for unchanged; empty does."""
    file = tmp_path / "hopline.toml"
    file.write_text('keep = ""\n')
    assert load({}, {}).settings.keep is load({}, {"HOPLINE_KEEP": ""}, file).settings.keep is None
    file.write_text("keep = 0\n")
    assert load({}, {}, file).settings.keep == 0.0
    assert load({}, {"HOPLINE_KEEP": "0.25"}, file).settings.keep == 0.25


def test_users_by_name(tmp_path: Path) -> None:
    """C7: users as a list in the file, with commas in their ids if need be, or with commas between them."""
    file = tmp_path / "hopline.toml"
    file.write_text('thinning_uids = ["u,1", "u-2"]\n')
    assert load({}, {}, file).settings.thinning_uids == ("u,1", "u-2")
    assert load({}, {"HOPLINE_THINNING_UIDS": "u-1, u-2,"}, file).settings.thinning_uids == ("u-1", "u-2")


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    """O2: a misspelt setting does not pass in silence."""
    file = tmp_path / "hopline.toml"
    file.write_text("prot = 1\n")
    with pytest.raises(SettingsError, match="there is no setting prot"):
        load({}, {}, file)
    file.write_text("port =\n")
    with pytest.raises(SettingsError, match=r"hopline\.toml"):
        load({}, {}, file)


def test_every_setting_has_help() -> None:
    """O2: name, default and help in one table."""
    assert all(text for _, _, text in table())
    assert Settings().listen_host == "127.0.0.1"


def test_the_page_is_up_to_date() -> None:
    """O4: docs/settings.md is what the tables say (`make docs` writes it)."""
    assert (ROOT / "docs/settings.md").read_text() == render()


def test_config_shows_value_and_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """O2, R5: `hopline config` prints each setting with its origin, and no password."""
    monkeypatch.setenv("HOPLINE_CLICKHOUSE", "http://me:secret@store:8123")
    monkeypatch.setenv("HOPLINE_KAFKA_OPTIONS", "sasl_mechanism=PLAIN,sasl_plain_password=secret,client_id=x")
    monkeypatch.setenv("HOPLINE_PORT", "9500")
    monkeypatch.setenv("HOPLINE_THINNING_UIDS", "a, b")
    answer = CliRunner().invoke(app, ["config"])
    assert answer.exit_code == 0
    assert "secret" not in answer.output
    assert "http://***@store:8123" in answer.output
    assert "sasl_mechanism=PLAIN,sasl_plain_password=***,client_id=x" in answer.output
    assert next(line for line in answer.output.splitlines() if line.startswith("port ")).split() == [
        "port",
        "9500",
        "environment",
    ]
    lines = [line.split() for line in answer.output.splitlines()]
    assert ["keep", "default"] in lines
    assert ["thinning_uids", "a,b", "environment"] in lines
    as_json = CliRunner().invoke(app, ["config", "--json"])
    assert "secret" not in as_json.output
    assert '"origin": "environment"' in as_json.output


def test_a_bad_setting_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """O2: exit code 2 and one line for what the user got wrong."""
    monkeypatch.setenv("HOPLINE_PORT", "x")
    answer = CliRunner().invoke(app, ["config"])
    assert answer.exit_code == 2
    assert "port" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", ["", "up", "collector", "query", "demo", "migrate", "config"])
def test_every_verb_has_help(verb: str) -> None:
    """O2: every verb explains itself."""
    answer = CliRunner().invoke(app, [*verb.split(), "--help"])
    assert answer.exit_code == 0
    assert "Usage:" in answer.output
