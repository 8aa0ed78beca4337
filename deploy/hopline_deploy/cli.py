"""The command ``hopline``: where it begins."""

import sys


def main() -> None:
    """Run the command line; an install without the server's parts still has ``hopline run``."""
    if sys.argv[1:2] == ["run"]:
        # The program takes this process's place: load nothing that it does not need.
        from hopline.launch import main as launch

        launch(sys.argv[2:])
    try:
        from hopline_deploy.commands import app
    except ModuleNotFoundError as error:
        sys.exit(f"hopline: {error.name} is missing: pip install 'hopline[server]'")
    app(prog_name="hopline")
