"""Pasted text and old links lead to the right page."""

from urllib.parse import quote

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
        (f"/zipkin/?traceId={ID}", f"/trace/{ID}"),
        (
            "/zipkin/?serviceName=shop&spanName=all&annotationQuery=error&lookback=15m&endTs=1763800000000&limit=10",
            "/search?service=shop&filter=error&limit=10&from=1763799100000000&to=1763800000000000",
        ),
        (
            "/zipkin?serviceName=shop&remoteServiceName=bank&minDuration=1500&lookback=900000",
            "/search?service=shop&callee=bank&min_span_duration=1500&from=now-900s",
        ),
        (
            "/search?service=shop&operation=get&lookback=1h&limit=20&minDuration=1s&maxDuration",
            "/search?service=shop&operation=get&min_span_duration=1s&limit=20&from=now-1h",
        ),
        (
            "/search?service=shop&lookback=custom&start=1763799100000000&end=1763800000000000&tags="
            + quote('{"error":"true","a b":"c\\"d"}'),
            "/search?service=shop&from=1763799100000000&to=1763800000000000&filter="
            + quote('"error"="true" AND "a b"="c\\"d"'),
        ),
        ("/search?service=shop&lookback=&tags=error%3Dtrue", "/search?service=shop&filter=error%3Dtrue"),
    ],
)
def test_old_links_lead_on(client: Client, old: str, new: str):
    """U12: links of Zipkin and Jaeger in old tickets still work."""
    assert client.get(old).headers["location"] == new
