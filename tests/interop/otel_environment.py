"""The environment of its own that holds OpenTelemetry's distribution and instrumentations."""

from pathlib import Path

from support import require

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".cache/otel"


def environment() -> Path:
    """The folder with ``bin``; without it the test is skipped, or fails when ``CI=true``."""
    built = (HOME / "hopline-stamp").exists()
    require("OpenTelemetry", "" if built else "run 'bash deploy/setup/otel.sh' first")
    return HOME
