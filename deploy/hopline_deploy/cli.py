"""The command ``hopline``: where it begins."""

import sys


def main() -> None:
    """Run the command line; an install without the server's parts is told what to add."""
    try:
        from hopline_deploy.commands import app
    except ModuleNotFoundError as error:
        sys.exit(f"hopline: {error.name} is missing: pip install 'hopline[server]'")
    app(prog_name="hopline")
