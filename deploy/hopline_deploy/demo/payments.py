"""Takes the money, from a bank that is not always there."""

import asyncio
import os
import random
import time
from pathlib import Path

from fastapi import FastAPI, HTTPException

import hopline
from hopline_deploy.demo.service import create_app, delay, run

OUTAGE_EVERY_S = 90
OUTAGE_S = 8


class BankTimeoutError(Exception):
    """The bank did not answer."""


def failing_share(now: float) -> float:
    """Share of calls that the bank leaves unanswered: a few always, most of them in a short outage now and then.

    All of them while the file is there that SHOP_PAYMENTS_BROKEN names: the switch for a drill.
    """
    broken = os.environ.get("SHOP_PAYMENTS_BROKEN")
    if broken and Path(broken).exists():
        return 1.0
    return 0.7 if now % OUTAGE_EVERY_S < OUTAGE_S else 0.04


def create() -> FastAPI:
    """The application of this service."""
    app = create_app()
    chance = random.Random()

    async def ask_bank(amount: str) -> None:
        with hopline.span("authorise", kind="client", peer="bank.example", peer_kind="external") as call:
            call.tag("shop.amount", amount)
            await asyncio.sleep(delay(chance, 35, slow_ms=700, slow_share=0.03))
            if chance.random() < failing_share(time.time()):
                raise BankTimeoutError("no answer from the bank")

    @app.post("/charges")
    async def charge(order: dict[str, str]) -> dict[str, str]:
        try:
            await ask_bank(order["amount"])
        except BankTimeoutError as error:
            raise HTTPException(503, str(error)) from error
        if chance.random() < 0.02:
            raise HTTPException(402, "card declined")
        return {"charge": f"c-{order['order']}"}

    return app


if __name__ == "__main__":
    run(create)
