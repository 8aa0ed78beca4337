"""From an endpoint setting to its transport. Transports load when they are chosen."""

from hopline.config import Config
from hopline.counts import Counts
from hopline.errors import SettingError
from hopline.transports.base import Transport


def create_transport(config: Config, counts: Counts) -> Transport:
    """The transport of ``config.endpoint``; it connects later, on the sender thread.

    Raises:
        SettingError: the endpoint has no form that is known.

    """
    scheme, _, rest = config.endpoint.partition(":")
    if scheme == "memory":
        from hopline.transports.memory import MemoryTransport

        return MemoryTransport(counts)
    if scheme == "none":
        from hopline.transports.discard import DiscardTransport

        return DiscardTransport(counts)
    if scheme in {"http", "https"} and rest.strip("/"):
        from hopline.transports.http import HttpTransport

        return HttpTransport(config, counts)
    if scheme == "kafka" and rest.strip("/"):
        from hopline.transports.kafka import KafkaTransport

        return KafkaTransport(config, counts)
    raise SettingError(f"endpoint is {config.endpoint!r}: use kafka://host:port, http://host:port, memory: or none:")
