"""Links keep what they should keep, under any base path."""

import pytest
from starlette.requests import Request

from hopline_ui.frame import frame_of


def frame(path: str = "/", query: str = "", root_path: str = "", default: str = "now-15m", **cookies: str):
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items()).encode()
    scope = {"type": "http", "method": "GET", "path": root_path + path, "root_path": root_path}
    scope |= {"query_string": query.encode(), "headers": [(b"cookie", cookie)] if cookie else []}
    return frame_of(Request(scope), default)


def test_range_and_environment_stay_on_links():
    """U2: following a link does not change what one looks at."""
    here = frame("/search", "from=now-1h&env=prod&service=orders&cursor=x")
    assert here.link("/map") == "/map?from=now-1h&env=prod"
    assert here.link("/search", from_="now-5m") == "/search?env=prod&from=now-5m"
    assert here.here(cursor=None) == "/search?from=now-1h&env=prod&service=orders"
    assert here.plain("/trace/x") == "/trace/x"


def test_base_path_is_before_every_link():
    """U10: behind a proxy under /x every address begins with /x."""
    here = frame("/map", "from=now-1h", root_path="/x")
    assert here.path == "/map"
    assert here.link("/") == "/x/?from=now-1h"
    assert here.here(live="0") == "/x/map?from=now-1h&live=0"


@pytest.mark.parametrize("uid", ["a/b", "50%", "ü", "a?b#c", "a b", "..", "x/../y", "<b>", "%2F"])
def test_any_uid_has_an_address(uid: str, client, answers):
    """Q3: slashes, per cent, dots and other alphabets reach the user's page as they are."""
    asked = []
    answers.user = lambda uid, params: asked.append(uid) or type(answers).user(answers, uid, params)
    assert client.get(frame().user(uid)).status_code == 200
    assert asked == [uid]


def test_live_and_presets():
    """U2: a range that ends now is live; a fixed one is not; a preset is recognised."""
    assert frame().live
    assert frame(query="from=now-1h").preset == "1h"
    assert not frame(query="live=0").live
    assert not frame(query="from=1&to=2").live
    assert frame(query="from=now-1h&to=now").live
    assert frame(query="from=now-37m").preset == ""


def test_unknown_choices_fall_back():
    """U10: cookies are taken from lists only."""
    here = frame(hop_theme="<script>", hop_zone="mars")
    assert (here.theme, here.zone) == ("auto", "utc")
    assert frame(hop_theme="dark", hop_zone="local").theme == "dark"
