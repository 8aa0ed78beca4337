"""``python -m hopline.launch -- python app.py``: a program instrumented without a change of its code.

The program replaces this process. It finds a ``sitecustomize`` of ours on its
``PYTHONPATH``, and so does every Python process that it starts: gunicorn's and
uvicorn's workers, Celery's pools.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from hopline.config import PREFIX

AUTOSTART: Final = str(Path(__file__).parent / "autostart")
"""The folder that holds our ``sitecustomize``."""

NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126


def environment(base: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """``base`` with our folder first on ``PYTHONPATH``, and ``settings`` as ``HOPLINE_*``."""
    others = [entry for entry in base.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != AUTOSTART]
    given = {PREFIX + name.upper(): value for name, value in settings.items()}
    return {**base, **given, "PYTHONPATH": os.pathsep.join([AUTOSTART, *others])}


def launch(command: Sequence[str], **settings: str) -> NoReturn:
    """Become ``command``, instrumented; ``settings`` are those of ``hopline.configure``, as text.

    Raises:
        OSError: the command cannot be run.

    """
    os.execvpe(command[0], list(command), environment(os.environ, settings))  # noqa: S606 - the user's own command


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Parse the command line and become the command that it names."""
    parser = argparse.ArgumentParser(prog="python -m hopline.launch", description=__doc__.partition("\n")[0])
    parser.add_argument("--service", help="name of the service")
    parser.add_argument("--endpoint", help="where rows go: kafka://host:port or http://host:port")
    parser.add_argument("--sample", help="share of traces kept, 0 to 1")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- and the program with its arguments")
    given = vars(parser.parse_args(arguments))
    command = given.pop("command")
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        parser.error("name the command to run, as in: -- python app.py")
    try:
        launch(command, **{name: value for name, value in given.items() if value is not None})
    except OSError as error:
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
        parser.exit(code, f"{parser.prog}: {command[0]}: {error.strerror}\n")


if __name__ == "__main__":
    main()
