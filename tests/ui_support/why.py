"""Made-up explanations of the shop's slow and failing calls."""

from typing import Any

from ui_support.shared import NOW, TRACE_ID, span_of


class WhyAnswers:
    """What the pages ask of docs/why.md."""

    hostile: str
    asked: list[tuple[str, dict[str, str]]]

    def causes(self, params: Any = None) -> dict[str, Any]:
        self.asked.append(("causes", dict(params or {})))
        causes = [
            ("db:shop", "UPDATE stock", "Deadlock", "lock on row ?", "inventory", False, 812),
            ("external:bank", "POST /pay", "ConnectTimeout", "", "payments", True, 37),
            (self.hostile or "notify", "mail", "", self.hostile or "no answer", None, False, 3),
        ]
        return span_of(
            {
                "causes": [
                    {
                        "cause": f"{n:016x}",
                        "service": s,
                        "operation": o,
                        "error_type": e,
                        "text": text,
                        "caller": caller,
                        "no_answer": silent,
                        "count": n,
                        "echoes": 3 * n,
                        "traces": n,
                        "hurt": n - 1,
                        "recovered": 1,
                        "users": n // 2,
                        "entries": [],
                        "versions": {},
                        "trend": [],
                        "first_seen_us": NOW,
                        "last_seen_us": NOW,
                        "newest_trace_id": TRACE_ID,
                        "link": f"/api/v1/traces?errors=true&cause={n:016x}&from={NOW - 900_000_000}&to={NOW}",
                    }
                    for s, o, e, text, caller, silent, n in causes
                ],
                "failures": 3_408,
                "traces": 852,
                "truncated": False,
            }
        )

    def usual(self, trace_id: str, params: Any = None) -> dict[str, Any]:
        slow = {"key": "k6", "service": "payments", "operation": "charge", "took_us": 480_000, "usual_us": 3_000}
        other = {**slow, "key": "k1", "service": "orders", "operation": "POST /orders", "took_us": 90_000}
        calls = [{**one, "calls": 212, "sentence": ""} for one in (slow, other)]
        return {"trace_id": trace_id, "service": "gateway", "operation": "x", "compared": 100, "calls": calls}

    def critical_path(self, params: Any) -> dict[str, Any]:
        parts = [("payments", 120_000.0), ("orders", 60_000.0), ("gateway", 40_000.0)]
        part = {"operation": "x", "wait": "own", "share": 0.5, "drag_us": 1.0, "slack_us": 0.0, "calls": 50}
        band = {
            "band": "p50",
            "traces": 50,
            "took_us": 220_000.0,
            "parts": [{**part, "service": service, "us": us} for service, us in parts],
        }
        return span_of({"traces": 100, "bands": [band], "what_if": None, "link": "/api/v1/traces", "truncated": False})

    def differs(self, params: Any) -> dict[str, Any]:
        term = {"kind": "tag", "service": "gateway", "key": "shop.tenant", "op": "=", "value": self.hostile or "17"}
        finding = {
            "kind": "tag",
            "terms": [term],
            "selected": {"with": 116, "of": 120},
            "base": {"with": 296, "of": 9_880},
            "explains": 0.936706,
            "lift": 32.2,
            "p": 1.2e-150,
            "same": [],
            "sentence": "x",
            "link": "/api/v1/traces?having=x",
        }
        found = {"selected": 120, "base": 9_880, "compared": 412, "findings": [finding], "truncated": False}
        return span_of({**found, "link": "/api/v1/traces?service=gateway"})

    def worse(self, params: Any) -> dict[str, Any]:
        side = {"calls": 1_000, "avg_us": 41_000.0, "p95_us": 90_000}
        part = {"service": "stock", "operation": "SELECT", "cause": "calls", "us": 9_000.0}
        appeared = [{"service": "promo", "operation": "GET /", "calls_per_trace": 1.0}]
        answer = {"before": side, "after": {**side, "avg_us": 53_000.0, "p95_us": 120_000}, "parts": [part]}
        answer |= {"p95_parts": [{"cause": "calls", "us": 30_000}], "appeared": appeared, "vanished": []}
        return span_of({**answer, "link": "/api/v1/traces?service=gateway", "truncated": False})
