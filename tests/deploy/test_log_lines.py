"""The server's log as JSON lines."""

import json
import logging
import sys

import pytest

from hopline_deploy.log_lines import JsonLines
from hopline_deploy.settings import SettingsError, load
from support import Children


def test_a_record_is_one_line() -> None:
    """A9: an event's name does not change with its values; line ends and exceptions stay inside the line."""
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("a.b", 30, "", 1, "store %s is away\n", ("x\ny",), sys.exc_info())
    text = JsonLines().format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert (line["level"], line["logger"], line["event"]) == ("warning", "a.b", "store %s is away\n")
    assert "two\nlines" in line["exception"]


def test_every_line_of_a_server_parses(children: Children, tmp_path) -> None:
    """A9: with the setting, what a server logs is JSON lines; another value is refused."""
    env = {"HOPLINE_LOG_FORMAT": "json", "HOPLINE_FREE_DISK_BYTES": "1"}
    child = children.python("-m", "hopline_deploy", "up", "--port", "0", "--otlp-port", "0",
                            "--data", str(tmp_path / "d"), env=env)  # fmt: skip
    child.wait_for_text("applied migration")
    child.stop()
    lines = [line for line in child.output.splitlines() if not line.startswith("Hopline up:")]
    assert {json.loads(line)["event"] for line in lines} >= {"applied migration %d %s"}
    with pytest.raises(SettingsError, match="log_format"):
        load({"log_format": "xml"}, {})
