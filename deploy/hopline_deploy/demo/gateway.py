"""The shop's front door."""

import asyncio

import httpx
from fastapi import FastAPI, HTTPException

import hopline
from hopline_deploy.demo.service import client, create_app, run


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer, or the same refusal for our own caller."""
    if answer.status_code >= 500:
        raise HTTPException(502, "a part of the shop does not answer")
    if answer.status_code >= 400:
        raise HTTPException(answer.status_code, answer.json().get("detail", "refused"))
    return answer


def create() -> FastAPI:
    """The application of this service."""
    app = create_app()
    users, orders, inventory = client("users"), client("orders", timeout=5.0), client("inventory")

    @app.get("/products/{sku}")
    async def product(sku: str) -> dict[str, object]:
        stock = checked(await inventory.get(f"/stock/{sku}")).json()
        return {"sku": sku, "left": stock["left"]}

    @app.post("/checkout", status_code=201)
    async def checkout(wish: dict[str, str]) -> dict[str, str]:
        hopline.set_uid(wish["uid"])
        checked(await users.get(f"/users/{wish['uid']}"))
        placed = checked(await orders.post("/orders", json=wish)).json()
        return {"order": placed["order"]}

    @app.get("/account/{uid}")
    async def account(uid: str) -> dict[str, object]:
        hopline.set_uid(uid)
        user, history = await asyncio.gather(users.get(f"/users/{uid}"), orders.get("/orders", params={"uid": uid}))
        return {"user": checked(user).json(), "orders": checked(history).json()}

    return app


if __name__ == "__main__":
    run(create)
