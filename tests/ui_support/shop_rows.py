"""A small shop's rows, the same for the same seed, and the pages and the API over them in memory."""

import random
from typing import Any

from fastapi import FastAPI

from hopline.model import Row
from hopline_query.api import create_router as create_api
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_ui import create_router
from ui_support.shared import NOW

MINUTE = 60_000_000


def shop_rows(seed: int = 1, traces: int = 80) -> list[Row]:
    """Checkouts of the last ten minutes: gateway calls orders, orders calls payments and twice inventory.

    In the last four minutes payments fails for some; one checkout is by far the slowest; ``u-7`` had one failing.
    """
    chance = random.Random(seed)
    rows: list[Row] = []
    for at in range(traces):
        begun = NOW - 10 * MINUTE + at * (10 * MINUTE // traces)
        failing = at == traces - 5 or (at > traces * 0.6 and chance.random() < 0.4)
        uid = "u-7" if at in {3, traces - 5} else f"u-{chance.randrange(10, 30)}"
        slow = 900_000 if at == traces // 2 else 0
        rows += _checkout(f"{0x6921C0DE + at:08x}{at:024x}", begun, uid, chance, failing=failing, slow_us=slow)
    return rows


def _checkout(trace_id: str, begun: int, uid: str, chance: random.Random, *, failing: bool, slow_us: int) -> list[Row]:
    def row(path: str, kind: str, service: str, name: str, *, span: tuple[int, int], **more: Any) -> Row:
        start, us = span
        tags = {"shop.channel": "web", "http.response.status_code": "503" if more.get("error") else "200"}
        facts = {"uid": uid, "env": "prod", "version": "1", "instance": f"{service}:1", "tags": tags}
        return Row(
            trace_id, kind, service, name, begun + start, path, _id(path, kind), duration_us=us, **{**facts, **more}
        )

    took = chance.randrange(20_000, 90_000) + slow_us
    bad = {"error": True, "error_type": "Timeout", "error_text": "bank did not answer"} if failing else {}
    root, orders = _id("0", "server"), _id("0.1", "server")
    peer = {"peer": "orders", "peer_kind": "service", "parent_id": root}
    below = {"caller_service": "gateway", "parent_id": root}
    rows = [
        row("0", "server", "gateway", "POST /checkout", span=(0, took), **bad),
        row("0.1", "client", "gateway", "POST", span=(1_000, took - 2_000), **peer, **bad),
        row("0.1", "server", "orders", "POST /orders", span=(2_000, took - 4_000), **below, **bad),
    ]
    for at, (callee, name, wrong) in enumerate(
        [("payments", "charge", bad), ("inventory", "reserve", {}), ("inventory", "reserve", {})], start=1
    ):
        path, start, us = f"0.1.{at}", 3_000 + at * 5_000, 4_000 + chance.randrange(800)
        peer = {"peer": callee, "peer_kind": "service", "parent_id": orders}
        below = {"caller_service": "orders", "parent_id": orders}
        rows += [
            row(path, "client", "orders", "POST", span=(start, us), **peer, **wrong),
            row(path, "server", callee, name, span=(start + 200, us - 400), **below, **wrong),
        ]
    return rows


def _id(path: str, kind: str) -> str:
    """16 hex digits of their own for each side of a call at a path."""
    return f"{int(path.replace('.', '')):015x}{'c' if kind == 'client' else '5'}"


def shop_app(reader: MemoryReader) -> FastAPI:
    """Pages and native API over a store in memory, at the time :data:`NOW`."""
    service = QueryService(reader, clock=lambda: NOW)
    app = FastAPI()
    app.include_router(create_api(service))
    app.include_router(create_router(service))
    return app
