"""Pasted text and old links lead to the right page."""

from urllib.parse import quote

import pytest

from ui_support import Client

ID = "6921c0de0123456789abcdef01234567"
UUID = "6921c0de-0123-4567-89ab-cdef01234567"


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (f"as=trace&text={ID}", f"/trace/{ID}"),
        ("as=user&text=u-4711", "/users/u-4711"),
        ("as=trace&text=u-4711", "/users/u-4711"),
        (f"as=user&text={ID}", f"/users/{ID}"),
        ("as=trace&text=http.response.status_code%3D504", "/search?filter=http.response.status_code%3D504"),
        ("as=trace&text=u%3D4711", "/search?filter=u%3D4711&user=u%3D4711"),
        ("as=user&text=%20", "/search"),
        ("as=user&text=a%2Fb%3Fc", "/users/a/b%3Fc"),
        (f"as=user&text={UUID}", f"/users/{UUID}"),
        (f"as=trace&text={UUID}", f"/trace/{ID}"),
        ("as=user&text=dGhpcyBpcw%3D%3D", "/users/dGhpcyBpcw=="),
        ("as=trace&text=dGhpcyBpcw%3D%3D", "/users/dGhpcyBpcw=="),
        ("as=user&text=name%3Dx", "/users/name=x"),
        (f"as=user&text=00-{ID}-00f067aa0ba902b7-01", f"/trace/{ID}"),
    ],
)
def test_boxes_lead_where_the_text_belongs(client: Client, asked: str, target: str):
    """U2, N15: both boxes take anything; what is unclear belongs to the box it stood in: any text may be a uid."""
    answer = client.get(f"/go?{asked}")
    assert answer.status_code == 303
    assert answer.headers["location"] == target


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"/zipkin/traces/{ID}", f"/trace/{ID}"),
        ("/zipkin/dependency", "/map"),
        (
            "/zipkin/dependency?startTs=1763799100000&endTs=1763800000000",
            "/map?from=1763799100000000&to=1763800000000000",
        ),
        (
            "/zipkin/?annotationQuery=" + quote("cache miss and http.url=http://h/?a=b or c and error"),
            "/search?filter=" + quote('"cache miss" AND http.url="http://h/?a=b or c" AND error', safe=":/"),
        ),
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
    """U12, N15: links of Zipkin and Jaeger in old tickets still work."""
    assert client.get(old).headers["location"] == new


def test_a_filter_that_is_also_a_user_offers_the_user(client: Client):
    """N15: what was typed as a filter leads to the user of exactly that id, in one click."""
    offered = client.get("/search?filter=u%3D4711&user=u%3D4711").text
    assert '<a href="/users/u=4711?from=now-1h">There is also a user u=4711</a>' in offered
    assert "There is also a user" not in client.get("/search?filter=u%3D4711").text
