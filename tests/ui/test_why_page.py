"""Y1-Y4 on the page "Why?": one sentence a panel, and links that open what it counts; in both languages."""

from html import unescape

import pytest

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from support.planted import shop
from support.shops import START, Call, rows_of
from ui_support import Client, page_app

RANGE = f"from={START - 1}&to={START + 3_600_000_000}"


def client_of(rows):
    return Client(page_app(QueryService(MemoryReader(rows), clock=lambda: START + 3_600_000_000)))


def deadlocks():
    """Checkouts of which every third fails by a deadlock two calls below."""
    rows = []
    for number in range(1, 31):
        failed = "Deadlock" if number % 3 == 0 else ""
        bottom = Call("shop", "UPDATE", 20, 40, sides="client", peer_kind="db", failed=failed, text="row 17")
        orders = Call("orders", "POST /orders", 10, 80, [bottom], failed=failed and "HTTP500")
        rows += rows_of(Call("gateway", "POST /checkout", 0, 100, [orders], "server", failed and "HTTP500"), number)
    return rows


def first_link(text, head):
    """The first address on a page that begins so."""
    begin = text.index(f'href="{head}') + len('href="')
    return unescape(text[begin : text.index('"', begin)])


def test_from_home_to_the_cause_in_two_clicks():
    """Y1: home's button, then the cause's link, which lists exactly its traces."""
    client = client_of(deadlocks())
    home = client.get(f"/?{RANGE}").text
    why = client.get(first_link(home, "/why?")).text
    assert "100 % of the 30 failing calls go back to db:shop: Deadlock row ?" in why
    found = client.get(first_link(why.partition("why-causes")[2], "/search?")).text
    assert found.count('href="/trace/') >= 10


def test_home_names_the_cause_of_eight_error_groups():
    """Y1: a deadlock through three services is one line at home; its link lists its calls, in both languages."""
    client = client_of(deadlocks())
    for language, words in (("en", ("10 traces hurt", "20 echoes")), ("zh-CN", ("10 条链路受影响", "20 次连带失败"))):
        home = client.get(f"/?{RANGE}&lang={language}").text
        panel = home.partition('id="groups"')[2].partition("</section>")[0]
        assert panel.count("<li") == 1
        assert all(text in panel for text in words)
        found = client.get(first_link(panel, "/search?")).text
        assert found.count('class="trace-link"') == 10
        assert "Deadlock" in found


def test_what_differs_is_said_in_one_sentence():
    """Y2, Y3: the planted tenant, in English and in Chinese, and an answer for a calm selection."""
    client = client_of(shop(1, "tag", 400).rows)
    address = f"/why?service=checkout&min_span_duration=400ms&{RANGE}"
    text = client.get(address).text
    assert "of these calls have checkout tenant = 17;" in text
    assert "of the time of the slowest is" in text
    assert "具有 checkout tenant = 17" in client.get(f"{address}&lang=zh-CN").text
    calm = client.get(f"/why?service=checkout&min_span_duration=1h&{RANGE}").text
    assert "Nothing stands out: 0 calls compared with 400." in calm
    whole = client.get(f"/why?service=checkout&{RANGE}").text
    assert "All 400 calls are selected: there are no others to compare them with." in whole
    assert "Nothing stands out" not in whole
    assert "已选中全部 400 个调用" in client.get(f"/why?service=checkout&{RANGE}&lang=zh-CN").text


@pytest.mark.parametrize("query", ["service=%3Cscript%3E&filter=%22", "min_span_duration=soon&service=a", "from=later"])
def test_a_mistake_is_said(query):
    """R2: what cannot be understood is a page that says so."""
    answer = client_of([]).get(f"/why?{query}")
    assert answer.status_code == 400
    assert "<script>&" not in answer.text


def test_hostile_text_stays_text():
    """R2: names and values from spans are shown, never run."""
    bad = "<script>alert(1)</script>"
    rows = []
    for number in range(1, 61):
        slow = number % 6 == 0
        tags = {bad: bad} if slow else {}
        failed = bad if slow else ""
        call = Call(bad, bad, 0, 900 if slow else 10, (), "server", failed, bad, tags=tags)
        rows += rows_of(call, number)
    text = client_of(rows).get(f"/why?service=%3Cscript%3Ealert(1)%3C/script%3E&min_span_duration=500us&{RANGE}").text
    assert bad not in text
    assert "&lt;script&gt;" in text
