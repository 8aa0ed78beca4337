"""Takes orders: keeps them in SQLite, reserves, charges (trying again), and tells the world."""

import asyncio
import os
import random
import sqlite3

import httpx
from fastapi import FastAPI, HTTPException

import hopline
from hopline_deploy.demo.mailbox import create_mailbox
from hopline_deploy.demo.service import client, create_app, delay, run
from hopline_deploy.demo.shop import TOPIC

CHARGE_ATTEMPTS = 3


class Book:
    """The orders in SQLite, each statement as the client side of a call to a database."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:")
        self._connection.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, uid TEXT, sku TEXT, state TEXT)")

    def add(self, uid: str, sku: str) -> int:
        """Number of the new order."""
        return self._run("INSERT orders", "INSERT INTO orders (uid, sku, state) VALUES (?, ?, 'new')", uid, sku)

    def settle(self, number: int, state: str) -> None:
        """Write down how it ended."""
        self._run("UPDATE orders", "UPDATE orders SET state = ? WHERE number = ?", state, number)

    def of(self, uid: str) -> list[tuple[int, str, str]]:
        """The last orders of a customer: ``(number, sku, state)``."""
        with hopline.span("SELECT orders", kind="client", peer="shop", peer_kind="db") as call:
            call.tag("db.system.name", "sqlite")
            statement = "SELECT number, sku, state FROM orders WHERE uid = ? ORDER BY number DESC LIMIT 20"
            return self._connection.execute(statement, (uid,)).fetchall()

    def _run(self, name: str, statement: str, *values: object) -> int:
        with hopline.span(name, kind="client", peer="shop", peer_kind="db") as call:
            call.tag("db.system.name", "sqlite")
            with self._connection:
                return self._connection.execute(statement, values).lastrowid or 0


async def charge(payments: httpx.AsyncClient, order: dict[str, str], chance: random.Random) -> None:
    """Charge the customer; a bank that is away for a moment gets another chance."""
    for attempt in range(CHARGE_ATTEMPTS):
        answer = await payments.post("/charges", json=order)
        if answer.status_code < 500:
            break
        await asyncio.sleep(delay(chance, 20 * 2**attempt))
    if answer.status_code == 402:
        raise HTTPException(402, "card declined")
    answer.raise_for_status()


def create() -> FastAPI:
    """The application of this service."""
    app = create_app()
    chance = random.Random()
    book = Book()
    inventory, payments = client("inventory"), client("payments")
    mailbox = create_mailbox(os.environ["SHOP_QUEUE"])

    @app.post("/orders", status_code=201)
    async def order(wish: dict[str, str]) -> dict[str, str]:
        number = book.add(wish["uid"], wish["sku"])
        details = {"order": str(number), "sku": wish["sku"], "amount": wish["amount"], "uid": wish["uid"]}
        reserved = await inventory.post("/reservations", json=details)
        if reserved.status_code == 409:
            book.settle(number, "sold out")
            raise HTTPException(409, "sold out")
        try:
            await charge(payments, details, chance)
        except httpx.HTTPStatusError as error:
            book.settle(number, "unpaid")
            raise HTTPException(502, "payment failed") from error
        book.settle(number, "paid")
        await mailbox.send(TOPIC, details)
        return {"order": details["order"]}

    @app.get("/orders")
    async def orders(uid: str) -> list[dict[str, str]]:
        return [{"order": str(n), "sku": sku, "state": state} for n, sku, state in book.of(uid)]

    return app


if __name__ == "__main__":
    run(create)
