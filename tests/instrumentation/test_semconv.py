"""What OpenTelemetry's attributes mean in our model."""

import pytest

from hopline import semconv


@pytest.mark.parametrize(
    ("found", "peer"),
    [
        ({"url.full": "https://me:s3cret@shop.example.com:8443/orders?id=7"}, ("shop.example.com:8443", "")),
        ({"http.url": "http://10.0.0.7/orders"}, ("10.0.0.7", "")),
        ({"http.url": "http://10.0.0.7?next=http://a@b/"}, ("10.0.0.7", "")),
        ({"url.full": "http://other/", "server.address": "shop", "server.port": "80"}, ("shop:80", "")),
        ({"url.full": "http://other/", semconv.ANSWERED_AS: "shop"}, ("shop", "service")),
        ({"peer.service": "stock", "server.address": "10.0.0.7"}, ("stock", "service")),
        ({"url.full": "nonsense"}, ("", "")),
        ({}, ("", "")),
    ],
)
def test_peer_of_an_http_call(found: dict[str, str], peer: tuple[str, str]) -> None:
    """D1, I11: of a call whose address alone is known the far end is that address, of no kind."""
    assert semconv.peer("client", found) == peer
