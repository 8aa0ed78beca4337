"""Every parameter of every page with wrong, huge and hostile values: the page stands and says what is wrong."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ui_support import Client, Page

TRACE = "/trace/6921c0de0123456789abcdef01234567"
PARAMETERS = {
    "/": ("from", "to", "env", "q", "sort", "live", "against", "lang", "rows"),
    "/search": (
        *("from", "to", "env", "uid", "service", "operation", "caller", "callee", "filter", "errors", "unfinished"),
        *("min_duration", "max_duration", "min_span_duration", "max_span_duration", "min_spans", "error_type"),
        *("instance", "load_test", "order_by", "limit", "cursor", "entry", "against", "tags", "cols", "view"),
    ),
    "/map": (
        *("from", "to", "env", "focus", "depth_in", "depth_out", "min_calls", "hide", "node", "show", "open", "q"),
        *("sort", "rows", "uid", "filter", "over_from", "over_to", "live_from", "by"),
    ),
    "/alerts": ("from", "lang"),
    "/map.svg": ("from", "focus", "show"),
    "/map.mmd": ("from", "focus", "show"),
    "/service/orders": ("from", "to", "env", "operation", "sort", "against", "live"),
    "/users/u-1": ("from", "to", "env", "errors", "cursor", "load_test"),
    "/system": ("from", "lang"),
    "/compare": ("a", "b"),
    TRACE: ("tab", "span", "root", "adjust", "q", "by", "sort", "t0", "t1", "services", "fold", "level"),
    "/go": ("as", "text"),
    "/prefs": ("theme", "zone", "lang", "next"),
}
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        (
            *(
                "-1",
                "0",
                "9" * 30,
                "1e309",
                "NaN",
                "now-",
                "now-99999d",
                "1800-01-01",
                "9999-12-31T23:59:59Z",
                "%",
                "\x00",
            ),
            *(
                "<script>alert(1)</script>",
                "' OR 1=1 --",
                "{{ 7*7 }}",
                "../../etc/passwd",
                "//evil.example",
                "\u202eabc",
            ),
            *("a" * 5_000, "a=" * 300, "(" * 500, '"', "\\", "\r\nSet-Cookie: a=b", "\ud800"),
        )
    ),
)
ASKED = st.sampled_from([(path, name) for path, names in PARAMETERS.items() for name in names])


@settings(deadline=None)
@given(asked=ASKED, value=VALUES, language=st.sampled_from(["en", "zh-CN"]))
def test_no_value_breaks_a_page(over_store: Client, asked: tuple[str, str], value: str, language: str):
    """U10: no value is an error of the server, none becomes markup or a header, and the page keeps its frame."""
    path, name = asked
    text = quote(value.encode("utf-8", "surrogatepass"), safe="")
    answer = over_store.get(f"{path}?{name}={text}", headers={"accept-language": language})
    assert answer.status_code in {200, 303, 400, 404}, answer.text[-2000:]
    assert "set-cookie" not in {k.lower() for k in answer.headers} or answer.headers["set-cookie"].startswith("hop_")
    if "html" not in answer.headers.get("content-type", ""):
        return
    page = Page(answer.text)
    assert page.unbalanced == []
    assert page.one("main")
    assert "<script>alert(1)" not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        *(
            "filter=a>%3D",
            "filter=(a",
            "filter=)",
            "min_duration=soon",
            "min_spans=-3",
            "errors=perhaps",
            "order_by=best",
        ),
        *("cursor=nonsense", "from=yesterday", "from=5&to=4", "from=1", "filter=" + "a" * 5_000, "filter=a~"),
        *(
            'filter=a%3D"b',
            "filter=a%3D%3Db",
            "filter=a%3Db%3Dc",
            "filter=a%3D",
            "structure={a",
            "structure=a",
        ),
        *("structure={}|count()", "structure=" + "(" * 99, "structure=" + "{}>" * 40, "having=x", "having=[1]"),
    ],
)
def test_what_is_wrong_is_said_in_the_readers_language(over_store: Client, query: str):
    """U2: on a Chinese page a mistake is explained in Chinese, whatever was mistaken."""
    page = Page(over_store.get(f"/search?{query}&lang=zh-CN").text)
    told = next(e.text for e in page.by_class("notice-text"))
    assert re.search("[\u4e00-\u9fff]", told), told
