"""``python -m hopline_deploy`` is the command ``hopline``."""

from hopline_deploy.cli import main

main()
