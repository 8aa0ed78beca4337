"""What stands on each page."""

import json
from importlib.metadata import version

import pytest

from ui_support import NOW, TRACE_ID, Client, Page, ShopAnswers, page_app
from ui_support.tree import shop_tree

TRACE = f"/trace/{TRACE_ID}"


def test_home_shows_what_needs_attention_first(read):
    """U1: failing services before slow ones, each with what it was before; causes; then every service's figures."""
    page = read("/")
    alerts = [e.text for e in page.by_class("alert-name")]
    assert alerts[0] == "payments"
    assert alerts[-3:] == ["Deadlock", "No answer from bank", "Error without a type"]
    row = next(e for e in page.all("tr") if e.get("data-name") == "gateway")
    for figure in ("84.1", "48.2 ms", "31 ms", "120 ms", "402 ms", "1.2 s", "100 %"):
        assert figure in row.text
    assert "before 99.99 %" in page.text


def test_home_shows_causes_in_place_of_their_echoes(answers: ShopAnswers, client: Client):
    """Y1: causes over the range of the figures, of a bounded number of traces, with what they did."""
    page = Page(client.get("/").text)
    (asked,) = [params for name, params in answers.asked if name == "causes"]
    stats = answers.stats({})
    assert (asked["from"], asked["to"], asked["traces"]) == (str(stats["from_us"]), str(stats["to_us"]), "200")
    item = next(e for e in page.all("li") if (e.get("data-key") or "").startswith("c-"))
    for words in ("db:shop", "called by inventory", "lock on row ?", "811 traces hurt", "406 users", "2,436 echoes"):
        assert words in item.text
    assert "Timeout" not in [e.text for e in page.by_class("alert-name")]


def test_home_falls_back_to_error_groups(answers: ShopAnswers, client: Client):
    """Y1: where traces are no longer kept, or the range is wider than a search may be, error groups stand there."""
    answers.causes = lambda _params: {"causes": [], "failures": 0, "traces": 0, "truncated": False}
    assert "Timeout" in [e.text for e in Page(client.get("/").text).by_class("alert-name")]
    usual = answers.stats
    answers.stats = lambda params: {**usual(params), "from_us": NOW - 30 * 86_400_000_000}
    answers.causes = None
    assert "Timeout" in [e.text for e in Page(client.get("/?from=now-30d").text).by_class("alert-name")]


def test_home_asks_for_no_causes_where_nothing_failed(answers: ShopAnswers, client: Client):
    """Y1: a calm range costs no question more than before."""
    answers.errors = lambda _params: {"groups": [], "truncated": False}
    assert "No errors in this range" in client.get("/").text
    assert not [name for name, _ in answers.asked if name == "causes"]


def test_home_says_who_sees_a_service_fail(answers: ShopAnswers, client: Client):
    """U1, L1: a service that is fine by its own rows and refuses its callers needs attention, and the item says so."""
    usual = answers.stats

    def stats(params):
        found = usual(params)
        entry = next(e for e in found["services"] if e["service"] == "orders")
        entry["callers"] = {"calls": 1_000, "errors": 400, "success_rate": 0.6}
        return found

    answers.stats = stats
    page = Page(client.get("/").text)
    item = next(e for e in page.all("li") if e.get("data-key") == "a-orders")
    assert "60 % success as callers see it, 400 failed" in item.text
    assert any("callee=orders&errors=true" in (link.get("href") or "") for link in page.all("a"))


@pytest.mark.parametrize(
    ("sort", "first"), [("service", "gateway"), ("-service", "users"), ("-p99_us", "notify"), ("nonsense", "gateway")]
)
def test_home_sorts_by_any_column(read, sort: str, first: str):
    """U1: a column's link sorts by it, both ways; an unknown one by impact."""
    rows = [e.get("data-name") for e in read(f"/?sort={sort}").all("tr") if e.get("data-name")]
    assert rows[0] == first


def test_home_filters_without_scripts(read):
    """U11: the filter is a form too."""
    page = read("/?q=PAY")
    assert [e.get("data-name") for e in page.all("tr") if e.get("data-name")] == ["payments"]


def test_empty_store_shows_the_quick_start(answers: ShopAnswers, client: Client):
    """U3: on an empty store the five lines with this server's own address stand there."""
    empty = {
        "services": [],
        "total": {},
        "freshness": {"state": "empty", "dropping": [], "complete_to_us": None},
        "unserved": None,
        "from_us": 1,
        "to_us": 2,
    }
    answers.stats = lambda _params: empty
    text = Page(client.get("/").text).text
    assert "HOPLINE_ENDPOINT=http://hopline.test" in text


def test_a_tour_is_offered_until_it_is_put_away(answers: ShopAnswers):
    """U3: where the operator wants it, five places to look at, all of them there; a reader puts it away for good."""
    from hopline_ui.settings import UiSettings

    client = Client(page_app(answers, settings=UiSettings(tour=True)))
    page = Page(client.get("/").text)
    text = page.one("section", class_="panel tour").text
    assert all(name in text for name in ("What fails", "Why it fails", "The slowest", "Latency by time", "Who calls"))
    away = client.get(page.one("a", id="tour-off").get("href") or "")
    assert away.headers["set-cookie"].startswith("hop_tour=off")
    assert not Page(client.get("/", headers={"cookie": "hop_tour=off"}).text).all("a", id="tour-off")
    assert not Page(Client(page_app(answers)).get("/").text).all("a", id="tour-off")


def test_freshness_tells_of_losses(answers: ShopAnswers, client: Client):
    """L7: a process that drops is named where figures are shown."""
    stats = answers.stats({})
    stats["freshness"] |= {
        "state": "behind",
        "behind_s": 90,
        "dropping": [{"service": "orders", "instance": "h1:8012", "dropped": 120, "reasons": {}, "at_us": NOW}],
    }
    answers.stats = lambda _params: stats
    text = Page(client.get("/").text).text
    assert "120 spans dropped by h1:8012" in text
    assert "ingest is 1 min 30 s behind" in text


def test_both_boxes_stand_on_every_page(read):
    """U2: a trace-id box and a uid box everywhere, filled with what the page is about."""
    for path in ("/", "/search", "/map", "/system", "/service/orders", "/compare"):
        page = read(path)
        assert page.one("input", id="trace-box")
        assert page.one("input", id="uid-box")
    assert read("/users/u-4711").one("input", id="uid-box").get("value") == "u-4711"
    assert read(TRACE).one("input", id="trace-box").get("value") == TRACE_ID


def test_missing_trace_keeps_the_box_filled_and_says_why(client: Client):
    """Q1: the page of an unknown id says what the id tells."""
    answer = client.get("/trace/" + "0" * 32)
    assert answer.status_code == 404
    page = Page(answer.text)
    assert page.one("input", id="trace-box").get("value") == "0" * 32
    assert "nothing of this trace was received" in page.text


def test_search_repeats_the_form_and_its_chips(read, answers: ShopAnswers):
    """U3: the state is in the address; the form shows it again, and chips take parts out."""
    page = read("/search?service=orders&min_duration=100ms&filter=a%3Db&order_by=longest&errors=true")
    assert page.one("input", name="service", type="text").get("value") == "orders"
    assert page.one("input", name="errors", type="checkbox").attributes.keys() >= {"checked"}
    chips = [e.text for e in page.by_class("chip")]
    assert any("orders" in chip for chip in chips)
    assert "a=b" in chips
    asked = next(params for name, params in answers.asked if name == "search")
    assert asked == {
        "service": "orders",
        "min_duration": "100ms",
        "filter": "a=b",
        "order_by": "longest",
        "errors": "true",
        "from": "now-1h",
    }


def test_search_results_say_where_they_failed(read):
    """U3: duration bars, pills, error counts, incomplete marks with the reason."""
    page = read("/search")
    assert "Timeout in payments charge: bank did not answer within 800 ms" in page.text
    assert len(page.by_class("trace")) == 20
    assert "Incomplete" in page.text
    assert page.one("a", rel="next").get("href") == "/search?cursor=eyJh"


def test_a_mistake_in_a_filter_is_said_beside_the_form(answers: ShopAnswers, client: Client):
    """U3: the message names the column, and the form keeps what was typed."""
    from hopline_query.errors import BadRequestError

    def refuse(_params):
        raise BadRequestError("expected a value after '>='", field="filter", column=4)

    answers.search = refuse
    answer = client.get("/search?filter=a%3E%3D")
    page = Page(answer.text)
    assert answer.status_code == 400
    assert "Expected a value after '>=' (column 4)" in page.text
    assert page.one("input", name="filter", type="text").get("aria-invalid") == "true"
    assert page.one("input", name="filter", type="text").get("value") == "a>="


def test_no_match_offers_ways_on(read):
    """U3: what was searched, how far data reaches, and conditions to leave out."""
    page = read("/search?service=nobody&filter=x%3Dy")
    assert "No trace matches" in page.text
    assert "Data reaches over" in page.text
    assert "Without Filter" in page.text


def test_user_page_lists_traces_with_outcome(read):
    """U2: time, action, outcome with its text, duration, failing service; per day; failures only."""
    page = read("/users/u-4711")
    assert len(page.by_class("trace")) == 8
    assert len([e for e in page.all("a") if (e.get("title") or "").startswith("2025-11-1")]) >= 5
    assert "Failures only" in page.text
    assert page.one("title").text == "u-4711 - Hopline"


def test_user_that_is_not_there_offers_neighbours(read):
    """Q3: ids that begin alike are offered."""
    assert "nobody-1" in read("/users/nobody").text


def test_trace_reads_without_scripts(read):
    """U4: header, completeness with missing ids, and rows with bars stand in the HTML."""
    page = read(TRACE)
    assert "21 spans, 11 of 12 calls" in page.text
    assert "0.2.1" in page.text
    rows = page.all("tr")[1:]
    assert len(rows) == 12
    assert [path.text for path in page.by_class("wf-path")][:4] == ["0", "0.1", "0.1.1", "0.2"]
    assert "placeholder" in (rows[4].get("class") or "")
    assert page.one("title").text == "gateway POST /checkout 1.24 s - Hopline"


@pytest.mark.parametrize(("lang", "words"), [("en", "+410 ms after the answer"), ("zh-CN", "响应后 +410 ms")])
def test_header_and_ticket_tell_what_went_on_after_the_answer(read, lang, words):
    """T15, U4: the title line and the copied text say how much longer the trace went on."""
    page = read(f"{TRACE}?lang={lang}")
    assert words in page.one("div", class_="trace-title").text
    assert any(f"1.24 s, {words}" in (button.get("data-copy") or "") for button in page.all("button"))


def test_only_the_first_rows_are_drawn_by_the_server():
    """U9: a large trace's page stays small; the rest comes as columns."""
    client = Client(page_app(ShopAnswers(shop_tree(2_000))))
    answer = client.get(TRACE)
    page = Page(answer.text)
    assert len(page.all("tr")) == 301
    assert "300 of 2,012 spans shown" in page.text
    assert len(answer.content) < 400_000


def test_deep_link_opens_the_span(read):
    """U4: `?span=` opens its details; one that is not there is said."""
    page = read(f"{TRACE}?span=k6")
    assert "bank did not answer" in page.one("aside", id="panel").text
    assert "The linked span k99 is not part of this trace" in read(f"{TRACE}?span=k99").text


def test_panel_links_tags_to_a_search(read):
    """U4: a tag's value leads to a search for it, quoted as the grammar wants."""
    links = [e.get("href") for e in read(f"{TRACE}/node/k6").by_class("tag-value")]
    assert "/search?filter=http.response.status_code%3D%22504%22" in links
    assert "/search?filter=region%3D%22a%20%5C%22quoted%5C%22%20one%22" in links


def test_panel_says_where_it_ran_and_what_it_is_linked_with(read):
    """U4: instance, zone, version, sample rate and links of the side nearest the work."""
    page = read(f"{TRACE}/node/k6")
    for fact in ("h1:8012", "sh-1", "1.4.2", "10 %"):
        assert fact in page.text_all
    assert page.one("a", href="/trace/" + "b" * 32).text == "b" * 8


def test_panel_ranks_the_call_among_others_where_they_are_known(read):
    """L4: how slow the call was for its operation."""
    assert "Percentile 97.3 %" in " ".join(read(f"{TRACE}/node/k6").text_all.split())
    assert "Percentile" not in read(f"{TRACE}/node/k5").text_all


@pytest.mark.parametrize(("sort", "first"), [("total_us", "gateway"), ("-total_us", "notify"), ("errors", "notify")])
def test_statistics_sort_by_any_column(read, sort: str, first: str):
    """U5: a plain table whose order is part of the address."""
    page = read(f"{TRACE}?tab=statistics&sort={sort}")
    assert next(e.text for e in page.all("th", scope="row")) == first


def test_a_range_can_be_frozen(read):
    """U2: the menu offers this range as a link that does not move on."""
    page = read("/map?from=now-1h&env=prod")
    frozen = next(e.get("href") for e in page.all("a") if e.text == "Freeze this range")
    assert frozen == f"/map?env=prod&from={NOW - 900_000_000}&to={NOW}"


def test_environment_is_part_of_the_range(read, answers: ShopAnswers):
    """U2: an environment is chosen beside the range and stays."""
    page = read("/?env=stage")
    assert next(e for e in page.all("option") if e.text == "stage").attributes.keys() >= {"selected"}
    assert page.one("a", href="/map?from=now-15m&env=stage")


def test_log_link_is_filled_from_its_template(answers: ShopAnswers):
    """U4: the operator's log store gets trace and span ids."""
    from hopline_ui.settings import UiSettings

    settings = UiSettings(log_link="/logs?q={trace_id}+{span_id}&{other}")
    page = Page(Client(page_app(answers, settings=settings)).get(f"{TRACE}/node/k6").text)
    assert f"/logs?q={TRACE_ID}+0000000000000007&{{other}}" in [e.get("href") for e in page.all("a")]


@pytest.mark.parametrize("tab", ["calltree", "statistics", "events", "flame", "map", "json"])
def test_tabs_stand_in_the_html(read, tab: str):
    """U5: every view of a trace reads without scripts."""
    page = read(f"{TRACE}?tab={tab}")
    assert page.one("a", aria_current="page", href=f"/trace/{TRACE_ID}?tab={tab}")


def test_map_has_a_table_twin(read):
    """U6: every edge of the drawing is a row of the table, with the same traces behind it."""
    page = read("/map")
    drawn = {e.get("data-key") for e in page.all("a") if e.get("data-caller")}
    listed = {(e.get("data-key") or "")[2:] for e in page.all("tr") if (e.get("data-key") or "").startswith("r-")}
    assert drawn == listed != set()
    edge = next(e for e in page.all("a") if e.get("data-key") == "orders→payments")
    assert edge.get("href") == "/search?from=now-15m&caller=orders&callee=payments"
    assert "error" in edge.get("class")


def test_map_nodes_carry_their_figures(read):
    """U6: rate, average and failing share stand on the node; a lone service stands there too."""
    nodes = {e.get("data-name"): e for e in read("/map").all("a") if e.get("data-name")}
    assert "84.1/s · 48 ms" in nodes["payments"].text
    assert "failed 6.6 %" in nodes["payments"].text
    assert "no calls" in nodes["reports"].text
    assert "120/s" in nodes["USER"].text


def test_map_panel_lists_both_directions(read):
    """U6: a chosen node shows its figures, who uses it and what it uses."""
    text = next(e for e in read("/map?node=orders").all("aside")).text
    assert text.index("Used by") < text.index("gateway") < text.index("Uses") < text.index("inventory")


def test_map_with_too_many_nodes_draws_what_fails_or_groups(answers: ShopAnswers):
    """U6: over the limit the failing and busiest are drawn, or groups; all at once is not offered."""
    from hopline_ui.settings import UiSettings

    client = Client(page_app(answers, settings=UiSettings(map_nodes=3)))
    for query in ("", "?show=all", "?show=groups", "?show=<x>"):
        page = Page(client.get("/map" + query).text)
        assert page.one("svg", id="map")
        assert "payments" in {e.get("data-name") for e in page.all("a")}
        assert not [e for e in page.all("a") if "show=all" in (e.get("href") or "") and e.text == "All"]


def test_map_downloads_as_mermaid(client: Client):
    """U6: the drawing as a flowchart whose labels no name can break out of."""
    answer = client.get("/map.mmd")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("flowchart LR")
    assert '["payments"]' in answer.text


def test_map_downloads_as_svg(client: Client):
    """U6: the drawing as a file that needs no style sheet."""
    answer = client.get("/map.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.text.startswith("<svg")
    assert "var(--" not in answer.text


def test_service_page_has_charts_and_their_table(read):
    """U7: series as data for the charts and as a table; operations, instances, callers and callees."""
    page = read("/service/orders")
    chart = json.loads(page.one("script", id="chart").text)
    assert len(chart["times"]) == len(chart["p999_us"]) == 60
    assert "POST /checkout" in page.text
    assert "h2:8012" in page.text
    assert "external" not in page.text


def test_service_without_calls_in_the_range(answers: ShopAnswers, client: Client):
    """U7: no calls are said to be no calls; the charts stand empty."""
    series, stats = answers.series({"service": "orders"}), answers.stats({"service": "nobody"})
    answers.series = lambda _params: {**series, "series": []}
    answers.stats = lambda _params: stats
    page = Page(client.get("/service/orders?operation=x").text)
    assert "No calls in this range." in page.text
    assert json.loads(page.one("script", id="chart").text)["qps"] == [None] * 60


def test_service_that_was_never_seen(client: Client):
    """U7: an unknown name is a 404, not an empty page."""
    assert client.get("/service/nobody").status_code == 404


def test_system_page_shows_losses_by_reason(read):
    """U8: collectors, drops per process and reason, storage, ingest rate, version."""
    text = read("/system").text
    for fact in ("kafka hopline.spans/0", "queue_full 120", "no_name 4", "81.2 MB", "1,204", version("hopline")):
        assert fact in text


def test_compare_shows_both_sides(read):
    """U5: durations of both, their difference, and calls that only one of them has."""
    text = read("/compare?a=1&b=2").text
    assert "only in A" in text
    assert "+5 ms" in text


def test_language_and_theme_are_in_the_first_bytes(read, client: Client):
    """U11: the page comes in its language and theme, without a script."""
    page = read("/", accept_language="zh-CN", cookie="hop_theme=dark")
    assert page.one("html").get("lang") == "zh-CN"
    assert page.one("html").get("data-theme") == "dark"
    assert "服务" in page.text
    assert "hop_lang=zh-CN" in client.get("/?lang=zh-CN").headers["set-cookie"]


def test_pages_work_under_a_base_path():
    """U10: behind a proxy every link and file stays below the base path."""
    client = Client(page_app(ShopAnswers()), root_path="/x")
    for path in ("/", "/search", "/map", "/service/orders", TRACE, "/users/u-1"):
        page = Page(client.get(path).text)
        for element in page.elements:
            for name in ("href", "src", "action"):
                address = element.get(name)
                assert not address or address.startswith(("/x/", "#", "?")), (path, element.tag, address)


@pytest.mark.parametrize("path", ["/traces", "/services", "/a/b/c", "/%3Cb%3E"])
def test_a_browser_at_a_wrong_address_finds_its_way(client: Client, path: str):
    """U7: a page with the way back, in the reader's language; a program gets an error that it can read."""
    answer = client.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    page = Page(answer.text)
    assert (answer.status_code, page.all("h1")[0].text) == (404, "Not found")
    assert {"/", "/search"} <= {(e.get("href") or "").partition("?")[0] for e in page.all("a")}
    answer = client.get(path, headers={"accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
