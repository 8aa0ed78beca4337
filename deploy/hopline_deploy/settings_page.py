"""The page ``docs/settings.md``, made from the tables of settings.

``python -m hopline_deploy.settings_page`` prints it.
"""

import sys

from hopline import config as client
from hopline_deploy import settings as server

INTRODUCTION = """\
# Settings

Made from the tables in `hopline.config` and `hopline_deploy.settings` by `make docs`; a test fails when it is out of
date.

An environment variable is `HOPLINE_` and the name in capitals. `hopline config` prints the effective settings of the
server and
where each came from.

## The instrumented process

An argument of `hopline.configure` wins over the environment, and that over the default. `OTEL_SERVICE_NAME` and
`OTEL_RESOURCE_ATTRIBUTES` count where ours are not set.
"""

SERVER = """\
## The server (`hopline up`, `collector`, `query`)

A flag wins over the environment, that over the file (`--config FILE`, TOML), and that over the default.
"""


def render() -> str:
    """The whole page as Markdown."""
    of_client = [(name, setting.default, setting.help) for name, setting in client.SETTINGS.items()]
    return "\n".join([INTRODUCTION, *_rows(of_client), "", SERVER, *_rows(server.table())]) + "\n"


def _rows(table: list[tuple[str, object, str]]) -> list[str]:
    head = ["| name | default | meaning |", "|---|---|---|"]
    return head + [f"| `{name}` | {_default(value)} | {_cell(text)} |" for name, value, text in table]


def _default(value: object) -> str:
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, tuple):
        return " ".join(f"`{_cell(str(part))}`" for part in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render())
