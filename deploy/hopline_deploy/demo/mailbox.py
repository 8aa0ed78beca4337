"""How services of the shop leave messages for each other: the shop's own queue, or Kafka."""

from collections.abc import Awaitable, Callable
from typing import Protocol

Handler = Callable[[dict[str, str]], Awaitable[None]]


class Mailbox(Protocol):
    """A place to send messages to and to receive them from."""

    async def send(self, topic: str, body: dict[str, str]) -> None:
        """Return when the message is kept. Raises `OSError` when it is not."""

    async def receive(self, topic: str, *, group: str, handle: Handler) -> None:
        """Give `handle` every message of `topic`, once per `group`, for ever."""


def create_mailbox(address: str) -> Mailbox:
    """The mailbox at ``queue://host:port`` or ``kafka://host:port``."""
    scheme, _, place = address.partition("://")
    if scheme == "kafka":
        from hopline_deploy.demo.mailbox_kafka import KafkaMailbox

        return KafkaMailbox(place)
    from hopline_deploy.demo.mailbox_queue import QueueMailbox

    host, _, port = place.rpartition(":")
    return QueueMailbox(host, int(port))
