"""Who may buy: a directory with a cache in front of it."""

import asyncio
import random

from fastapi import FastAPI, HTTPException

import hopline
from hopline_deploy.demo.service import create_app, delay, run


def create() -> FastAPI:
    """The application of this service."""
    app = create_app()
    chance = random.Random()
    cached: set[str] = set()

    @hopline.trace(name="load profile")
    async def load(uid: str) -> None:
        await asyncio.sleep(delay(chance, 9, slow_ms=120, slow_share=0.02))
        cached.add(uid)

    @app.get("/users/{uid}")
    async def user(uid: str) -> dict[str, str]:
        hopline.set_uid(uid)
        with hopline.span("GET", kind="client", peer="sessions", peer_kind="cache") as lookup:
            await asyncio.sleep(delay(chance, 0.8))
            hit = uid in cached and chance.random() < 0.8
            lookup.tag("cache.hit", str(hit).lower())
        if not hit:
            await load(uid)
        if uid.startswith("blocked"):
            raise HTTPException(403, "this customer is blocked")
        return {"uid": uid, "tier": "gold" if uid.endswith("7") else "basic"}

    return app


if __name__ == "__main__":
    run(create)
