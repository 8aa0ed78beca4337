"""The plan of the shop: its services, where they stand, and how they find each other."""

import json
import os
from dataclasses import dataclass
from typing import Final

ADDRESSES: Final = "SHOP_ADDRESSES"
"""Environment variable with a JSON object: name of a service or of the queue -> its address."""


@dataclass(frozen=True, slots=True)
class Place:
    """One process of the shop."""

    name: str
    """Name of the service in its traces."""
    module: str
    """Module below this package that is run."""
    zone: str = "sh-1"
    host: str = "shop-1"
    version: str = "1.4.2"
    arguments: tuple[str, ...] = ()
    skew_ms: int = 0
    """How far its clock runs ahead: real machines do."""
    listens: bool = True


PLACES: Final = (
    Place("users", "users"),
    Place("inventory", "inventory", zone="sh-2", host="warehouse-1", version="2.0.1", skew_ms=180),
    Place("payments", "payments", zone="sh-2", host="pay-1", version="3.1.0"),
    Place("orders", "orders", host="shop-2"),
    Place("notifications", "notifications", version="0.9.3", arguments=("email",), listens=False),
    Place("notifications", "notifications", version="0.9.3", arguments=("push",), listens=False),
    Place("gateway", "gateway"),
)
"""In the order in which they start: callees before callers."""

TOPIC: Final = "order-placed"
"""What orders says and the notification workers hear."""


def addresses() -> dict[str, str]:
    """Where everything is, from the environment."""
    found: dict[str, str] = json.loads(os.environ.get(ADDRESSES, "{}"))
    return found
