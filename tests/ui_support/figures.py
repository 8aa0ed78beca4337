"""Made-up figures: of a service, over time, by latency, of the system."""

from typing import Any

from ui_support.shared import NOW, span_of


def figures(at: int, *, name: str = "", errors: int = 0, **changes: Any) -> dict[str, Any]:
    calls = 75_690 // (at + 1)
    return {
        "service": name,
        "operation": None,
        "kind": None,
        "instance": None,
        "zone": None,
        "caller": None,
        "calls": calls,
        "errors": errors,
        "qps": calls / 900,
        "seen_s": 900.0,
        "success_rate": 1 - errors / calls,
        "error_rate": errors / calls,
        "avg_us": 48_210.5 / (at + 1),
        "max_us": 2_902_100,
        "p50_us": 31_000 // (at + 1),
        "p75_us": 40_000,
        "p90_us": 80_000,
        "p95_us": 120_000 // (at + 1),
        "p99_us": 402_000 // (at + 1),
        "p999_us": 1_200_000 // (at + 1),
        "apdex": 0.98,
        "impact": round(0.45 / (at + 1), 3),
        "sampled": calls,
        "estimated": False,
        "small_sample": calls < 13_000,
        "last_seen_us": NOW,
        "callers": None,
        "previous": {"qps": calls / 980, "avg_us": 30_000, "p99_us": 150_000 // (at + 1), "success_rate": 0.9999},
        "spark": {
            "slot_us": 30_000_000,
            "start_us": NOW,
            "qps": [((n * (at + 3)) % 7) + 4 for n in range(30)],
            "filling": [False] * 29 + [True],
            "error_rate": [],
            "p99_us": [],
        },
        **changes,
    }


def series_of(service: str) -> dict[str, Any]:
    times = [NOW - (60 - n) * 60_000_000 for n in range(60)]
    wave = [40 + (n * 7) % 13 for n in range(60)]
    one: dict[str, Any] = {
        "service": service,
        "operation": None,
        "calls": wave,
        "qps": [v / 2 for v in wave],
        "errors": [0] * 60,
        "error_rate": [0.002 * (n % 5) for n in range(60)],
    }
    one |= {
        name: [v * factor for v in wave]
        for name, factor in (
            ("avg_us", 800),
            ("p50_us", 500),
            ("p75_us", 700),
            ("p90_us", 1500),
            ("p95_us", 2200),
            ("p99_us", 6000),
            ("p999_us", 15000),
            ("max_us", 20000),
        )
    }
    one["p999_us"][20] = None
    return span_of(
        {
            "step_us": 60_000_000,
            "times": times,
            "filling": [False] * 59 + [True],
            "unserved": None,
            "series": [one],
            "versions": [{"service": service, "version": "1.4.2", "first_seen_us": times[30]}],
        },
        1,
    )


def heat_of() -> dict[str, Any]:
    edges = [0] + [round(1000 * 2**n) for n in range(12)]
    cells = [
        [c, r, max(1, 60 - abs(r - 5) * 12 + (c * 5) % 9), int(r > 8)]
        for c in range(60)
        for r in range(2, 11)
        if (c + r) % 4
    ]
    return span_of(
        {
            "times": [NOW - (60 - n) * 60_000_000 for n in range(60)],
            "edges_us": edges,
            "cells": cells,
            "max": 68,
            "unserved": None,
            "step_us": 60_000_000,
        },
        1,
    )


def system_of() -> dict[str, Any]:
    collector = {
        "source": "kafka",
        "topic": "hopline.spans",
        "partition": 0,
        "gaps": 0,
        "end": 99_120,
        "at_us": NOW,
        "received": 1_000_000,
        "stored": 999_990,
        "rejected": {"no_name": 4},
        "dead": 3,
        "sampled_out": 0,
        "duplicate": 3,
    }
    process = {
        "service": "orders",
        "instance": "h1:8012",
        "at_us": NOW,
        "recorded": 120_400,
        "sent": 120_280,
        "dropped": 120,
        "reasons": {"queue_full": 120},
        "depth": 3,
    }
    tables = [
        {"table": "spans", "rows": 999_990, "bytes": 81_200_000, "parts": 7},
        {"table": "traces", "rows": 30_000, "bytes": 2_100_000, "parts": 3},
    ]
    return {
        "collectors": [collector],
        "processes": [process, {**process, "service": "users", "dropped": 0, "reasons": {}}],
        "tables": tables,
        "ingest_per_s": 1204.2,
        "dead_letters": 3,
    }
