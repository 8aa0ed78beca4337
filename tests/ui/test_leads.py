"""Pasted text and old links lead to the right page."""

import pytest

from ui_support import Client

ID = "6921c0de0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (f"as=trace&text={ID}", f"/trace/{ID}"),
        ("as=user&text=u-4711", "/users/u-4711"),
        ("as=trace&text=u-4711", "/users/u-4711"),
        (f"as=user&text={ID}", f"/users/{ID}"),
        ("as=trace&text=http.response.status_code%3D504", "/search?filter=http.response.status_code%3D504"),
        ("as=user&text=%20", "/search"),
        ("as=user&text=a%2Fb%3Fc", "/users/a/b%3Fc"),
    ],
)
def test_boxes_lead_where_the_text_belongs(client: Client, asked: str, target: str):
    """U2: both boxes take anything; what is unclear belongs to the box it stood in."""
    answer = client.get(f"/go?{asked}")
    assert answer.status_code == 303
    assert answer.headers["location"] == target


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"/zipkin/traces/{ID}", f"/trace/{ID}"),
        ("/zipkin/dependency", "/map"),
        ("/dependencies", "/map"),
        ("/zipkin/", "/search"),
    ],
)
def test_old_links_lead_on(client: Client, old: str, new: str):
    """U12: links of Zipkin and Jaeger in old tickets still work."""
    assert client.get(old).headers["location"] == new
