"""How the canary's traces are known, which lists show only to those who ask for load tests."""

from typing import Final

SERVICE: Final = "hopline.canary"
UID: Final = "hopline-canary"
TAG: Final = "canary.host"
