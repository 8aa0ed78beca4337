"""What is on the shelves. Its clock runs ahead, as clocks do."""

import asyncio
import random

from fastapi import FastAPI, HTTPException

import hopline
from hopline_deploy.demo.service import create_app, delay, run


def create() -> FastAPI:
    """The application of this service."""
    app = create_app()
    chance = random.Random()

    @app.get("/stock/{sku}")
    async def stock(sku: str) -> dict[str, object]:
        await asyncio.sleep(delay(chance, 6, slow_ms=450, slow_share=0.02))
        return {"sku": sku, "left": chance.randrange(100)}

    @app.post("/reservations")
    async def reserve(order: dict[str, str]) -> dict[str, str]:
        with hopline.span("lock shelf") as lock:
            lock.tag("shop.sku", order["sku"])
            await asyncio.sleep(delay(chance, 11, slow_ms=900, slow_share=0.03))
        if chance.random() < 0.02:
            hopline.annotate("stock", "sold out")
            raise HTTPException(409, "sold out")
        return {"reservation": f"r-{order['order']}"}

    return app


if __name__ == "__main__":
    run(create)
