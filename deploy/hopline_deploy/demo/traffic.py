"""Customers: they look, buy, come back, and some are blocked."""

import argparse
import asyncio
import contextlib
import random

import httpx

from hopline_deploy.demo.shop import addresses

CUSTOMERS = 40
GOODS = ("lamp", "chair", "desk", "shelf", "clock", "vase")
BLOCKED = "blocked-13"


def next_request(chance: random.Random) -> tuple[str, str, dict[str, str] | None]:
    """``(method, path, body)`` of what some customer does next."""
    uid = BLOCKED if chance.random() < 0.01 else f"u-{chance.randrange(CUSTOMERS) + 4700}"
    sku = chance.choice(GOODS)
    wish = chance.random()
    if wish < 0.45:
        return "GET", f"/products/{sku}", None
    if wish < 0.8:
        return "POST", "/checkout", {"uid": uid, "sku": sku, "amount": f"{chance.randrange(5, 400)}.00"}
    return "GET", f"/account/{uid}", None


async def customer(shop: httpx.AsyncClient, chance: random.Random, pause: float) -> None:
    """One customer after the other, for ever."""
    while True:
        method, path, body = next_request(chance)
        with contextlib.suppress(httpx.HTTPError):
            await shop.request(method, path, json=body)
        await asyncio.sleep(chance.expovariate(1 / pause))


async def run(rate: float, workers: int) -> None:
    """About `rate` requests per second in all."""
    async with httpx.AsyncClient(base_url=addresses()["gateway"], timeout=10.0) as shop, asyncio.TaskGroup() as group:
        for number in range(workers):
            group.create_task(customer(shop, random.Random(number), workers / rate))


def main() -> None:
    """``traffic --rate N``: customers are people in browsers, so nothing here is traced."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=6.0)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(parser.parse_args().rate, workers=8))


if __name__ == "__main__":
    main()
