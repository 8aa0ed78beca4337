"""Parts of the machine that a test cannot do without."""

import os

import pytest


def in_ci() -> bool:
    """Whether this run must not leave anything out."""
    return os.environ.get("CI") == "true"


def require(part: str, missing: str) -> None:
    """Go on when `missing` is empty; else skip with that reason, or fail when ``CI=true``."""
    if not missing:
        return
    message = f"{part}: {missing}"
    if in_ci():
        pytest.fail(f"{message} (nothing is skipped when CI=true)", pytrace=False)
    pytest.skip(message)
