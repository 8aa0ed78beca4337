"""Made-up alerts of the shop."""

from typing import Any

from ui_support.shared import NOW

WINDOW = f"from={NOW - 60_000_000}&to={NOW}"
FIRING = {
    "rule": "checkout fails",
    "measure": "success_rate",
    "state": "firing",
    "since_us": NOW - 1_200_000_000,
    "value": 0.934,
    "threshold": 0.998,
    "labels": {"service": "payments"},
    "link": f"/search?service=payments&entry=true&errors=true&{WINDOW}",
}
SLOW = {
    **FIRING,
    "rule": "orders are slow",
    "measure": "p99_us",
    "state": "pending",
    "value": 402_000.0,
    "threshold": 300_000.0,
    "labels": {"service": "orders"},
    "link": f"/search?service=orders&entry=true&min_span_duration=300000us&{WINDOW}",
}
LOST = {**FIRING, "rule": "rows are lost", "measure": "loss", "value": 120, "threshold": 0, "link": "/system"}


class Rules:
    """Alerts as the server's evaluator tells them."""

    configured = True

    def __init__(self, *alerts: dict[str, Any], trouble: str = "") -> None:
        self.alerts = list(alerts)
        self.trouble = trouble

    def open(self) -> dict[str, Any]:
        return {"alerts": self.alerts, "trouble": self.trouble, "from_us": 0, "to_us": NOW, "truncated": False}

    def history(self, limit: int) -> dict[str, Any]:
        return {"changes": [{**alert, "at_us": alert["since_us"]} for alert in self.alerts][:limit]}
