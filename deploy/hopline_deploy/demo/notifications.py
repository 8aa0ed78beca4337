"""Tells customers what happened to their orders: one worker by e-mail, one by push."""

import argparse
import asyncio
import os
import random

import hopline
from hopline_deploy.demo.mailbox import create_mailbox
from hopline_deploy.demo.service import delay, set_up
from hopline_deploy.demo.shop import TOPIC


async def work(channel: str) -> None:
    """Handle messages for ever; one that fails is reported in its trace and left."""
    mailbox = create_mailbox(os.environ["SHOP_QUEUE"])
    chance = random.Random()

    async def handle(order: dict[str, str]) -> None:
        hopline.tag("shop.channel", channel)
        with hopline.span(f"render {channel}"):
            await asyncio.sleep(delay(chance, 4))
        with hopline.span("deliver", kind="client", peer=f"{channel}.example", peer_kind="external"):
            await asyncio.sleep(delay(chance, 25, slow_ms=400, slow_share=0.02))
            if chance.random() < 0.01:
                raise ConnectionResetError(f"{channel} of order {order['order']} was cut off")

    await mailbox.receive(TOPIC, group=channel, handle=handle)


def main() -> None:
    """``notifications email`` or ``notifications push``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("channel", choices=["email", "push"])
    options = parser.parse_args()
    set_up()
    asyncio.run(work(options.channel))


if __name__ == "__main__":
    main()
