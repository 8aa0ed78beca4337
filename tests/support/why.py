"""What is behind a link of a "why" answer."""

from urllib.parse import parse_qsl, urlsplit


def opened(service, link):
    """The search that a link opens."""
    parts = urlsplit(link)
    assert parts.path == "/api/v1/traces"
    return service.search(dict(parse_qsl(parts.query)))
