"""What all made-up answers share."""

from typing import Any

NOW = 1_763_800_000_000_000
TRACE_ID = "6921c0de0123456789abcdef01234567"
SERVICES = ("gateway", "orders", "inventory", "payments", "users", "notify")


def fresh(**changes: Any) -> dict[str, Any]:
    return {
        "state": "ok",
        "now_us": NOW,
        "complete_to_us": NOW - 4_000_000,
        "behind_s": 4.0,
        "newest_us": NOW - 4_000_000,
        "dropping": [],
        **changes,
    }


def span_of(answer: dict[str, Any], hours: float = 0.25) -> dict[str, Any]:
    return {"unserved": None, **answer, "from_us": NOW - int(hours * 3_600_000_000), "to_us": NOW, "freshness": fresh()}
