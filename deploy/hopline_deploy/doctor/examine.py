"""All looks, in the order in which the parts depend on each other."""

from collections.abc import Iterator

from hopline_deploy.doctor import broker, files, network, store
from hopline_deploy.doctor.finding import Finding
from hopline_deploy.settings import Settings


def examine(settings: Settings, server: str, token: str = "") -> Iterator[Finding]:
    """One finding per part; `server` is the address of a running Hopline, `token` what it asks for."""
    answers = network.answers(server)
    wanted = (settings.port, settings.otlp_port, settings.otlp_grpc_port)
    yield from (network.port(settings.listen_host, port, server, answers=answers) for port in wanted if port)
    yield from files.tokens(settings)
    yield from files.certificate(settings)
    yield from files.open_secrets(settings)
    yield from files.alerts(settings)
    yield store.disk(settings)
    yield from files.journal(settings)
    yield store.store(settings, answers=answers)
    if settings.kafka:
        yield broker.broker(settings.kafka, settings.topic_formats(), settings.kafka_client_options())
    yield from network.server(server, token)
