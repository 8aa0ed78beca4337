"""Nothing runs but our own files, and nothing that is stored becomes markup."""

import re
from pathlib import Path

import pytest

import hopline_ui
from ui_support import TRACE_ID, Client, Page, ShopAnswers

PACKAGE = Path(hopline_ui.__file__).parent
TRACE = f"/trace/{TRACE_ID}"
TABS = ("calltree", "statistics", "events", "flame", "map", "json")
PAGES = (
    "/",
    "/search",
    "/search?service=nobody",
    "/users/u-1",
    "/users/nobody",
    "/map",
    "/map?node=orders",
    "/service/orders",
    "/system",
    "/compare?a=1&b=2",
    TRACE,
    f"{TRACE}?span=k6",
    f"{TRACE}/node/k6",
    "/trace/" + "0" * 32,
    *(f"{TRACE}?tab={tab}" for tab in TABS),
)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}${7*7}=cmd|' /C calc'!A0"


@pytest.mark.parametrize("path", PAGES)
def test_policy_allows_only_our_own_files(path: str, client: Client):
    """U10: every page says `default-src 'self'` and nothing looser."""
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
def test_markup_needs_nothing_inline(path: str, client: Client):
    """U10: no inline script, no style attribute or element, no handler attribute, no other origin."""
    page = Page(client.get(path).text)
    assert page.unbalanced == []
    for element in page.elements:
        assert element.tag != "style"
        assert not [name for name in element.attributes if name == "style" or name.startswith("on")]
        for name in ("src", "href", "action"):
            assert not re.match(r"(?i)\s*(https?:|//|data:|javascript:)", element.get(name) or "")
        if element.tag == "script":
            assert element.get("src") or element.get("type") == "application/json"


@pytest.mark.parametrize("path", PAGES)
def test_stored_text_never_becomes_markup(path: str, client: Client, current):
    """U10: names, tags, uids, error texts and annotations are shown as they are, on every page."""
    current.service = ShopAnswers(hostile=HOSTILE)
    answer = client.get(path)
    page = Page(answer.text)
    assert "<script>alert" not in answer.text
    assert not page.all("img")
    assert "49" not in re.findall(r"\{\{(49)\}\}", answer.text)
    for script in page.all("script"):
        assert script.get("src") or script.get("type") == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        "/search?service={}",
        "/?q={}",
        "/users/{}",
        "/service/{}",
        "/map?focus={}",
        "/compare?a={}&b=x",
        "/go?as=user&text={}",
        "/trace/{}",
    ],
)
def test_asked_text_never_becomes_markup(path: str, client: Client):
    """U10: what stands in the address is escaped where the page repeats it."""
    page = Page(client.get(path.format("%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%22%27")).text)
    assert not page.all("img")


def test_modules_build_no_markup_from_text():
    """U10: scripts set text and attributes; none writes HTML, evaluates text or adds style elements."""
    for path in (PACKAGE / "static" / "js").iterdir():
        text = path.read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert forbidden not in text, (path.name, forbidden)


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_preferences_lead_only_back_to_us(target: str, client: Client):
    """U10: the way back after a choice is a page of ours."""
    answer = client.get(f"/prefs?theme=dark&next={target}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert "hop_theme=dark" in answer.headers["set-cookie"]


def test_unknown_preferences_are_not_stored(client: Client):
    """U10: a cookie holds one of the choices or is not set."""
    assert "set-cookie" not in client.get("/prefs?theme=%3Cb%3E&next=/map").headers
