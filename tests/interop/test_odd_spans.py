"""Odd spans from the field, posted to a running server as a sender would, and what is shown of them."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from interop.odd_spans import Span, at, new_id, otlp, otlp_span, zipkin
from support import wait_until
from support.accounts import wait_handed_over
from support.process import Children

Json = dict[str, Any]


class Front:
    """A server as its users see it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=60)
        self.base = time.time_ns() // 1_000 - 5_000_000

    def post(self, spans: list[Span]) -> None:
        """Zipkin spans, their times from now; waits until their traces are there."""
        answer = self.client.post("/api/v2/spans", json=at(self.base, spans))
        assert answer.status_code == 202, answer.text
        for trace in {span["traceId"] for span in spans}:
            self.wait(trace, len({json.dumps(s, sort_keys=True) for s in spans if s["traceId"] == trace}))

    def post_otlp(self, *bodies: Json) -> Json:
        merged = {"resourceSpans": [one for body in bodies for one in body["resourceSpans"]]}
        answer = self.client.post("/v1/traces", json=merged)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, trace: str, spans: int = 1) -> None:
        path = f"/api/v2/trace/{trace}"

        def there() -> bool:
            answer = self.client.get(path)
            return answer.status_code == 200 and len(answer.json()) >= spans

        wait_until(there)
        wait_handed_over(self.url)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def trace(self, trace: str, **params: Any) -> Json:
        return self.get(f"/api/v1/traces/{trace}", **params)

    def found(self, **params: Any) -> list[str]:
        """Ids of the traces that our own search finds."""
        return [t["trace_id"] for t in self.get("/api/v1/traces", **params)["traces"]]

    def zipkin(self, **params: Any) -> set[str]:
        return {t[0]["traceId"] for t in self.get("/api/v2/traces", limit=1_000, **params)}

    def jaeger(self, **params: Any) -> set[str]:
        return {t["traceID"] for t in self.get("/api/traces", limit=1_000, **params)["data"]}

    def edges(self, trace: str = "") -> set[tuple[str, str]]:
        params = {"trace_id": trace} if trace else {"from": "now-1h", "to": "now"}
        return {(e["caller"], e["callee"]) for e in self.get("/api/v1/dependencies", **params)["edges"]}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One server for all cases: each has a trace and services of its own."""
    children = Children(tmp_path_factory.mktemp("odd"))
    folder = tmp_path_factory.mktemp("data")
    child = children.python("-m", "hopline_deploy", "up", "--port", "0", "--otlp-port", "0", "--data", str(folder))
    url = child.wait_for_text("Hopline up: ").split()[2].rstrip(",")
    child.wait_for_url(f"{url}/health/ready")
    found = Front(url)
    yield found
    found.client.close()
    children.stop()


def nodes(tree: Json) -> list[Json]:
    """All nodes of a tree, parents first."""
    found, stack = [], list(reversed(tree["roots"]))
    while stack:
        node = stack.pop()
        found.append(node)
        stack.extend(reversed(node["children"]))
    return found


def codes(node: Json) -> set[str]:
    """The warnings of a node."""
    return {warning["code"] for warning in node["warnings"]}


def shape(tree: Json) -> list[tuple[int, str]]:
    """Depth and service of each node."""
    found: list[tuple[int, str]] = []

    def walk(node: Json, depth: int) -> None:
        found.append((depth, node["service"]))
        for child in node["children"]:
            walk(child, depth + 1)

    for root in tree["roots"]:
        walk(root, 0)
    return found


def test_a_shared_span_without_a_parent_hangs_below_its_caller(front: Front) -> None:
    """N14: the id that both sides share tells who called."""
    one = new_id()
    front.post(
        [
            zipkin(one, 0xE1, "np-front", "SERVER", took=100_000),
            zipkin(one, 0xE2, "np-front", "CLIENT", parent=0xE1, at=10_000, took=80_000),
            zipkin(one, 0xE2, "np-back", "SERVER", at=20_000, took=60_000, shared=True),
        ]
    )
    tree = front.trace(one)
    assert shape(tree) == [(0, "np-front"), (1, "np-back")]
    assert ("np-front", "np-back") in front.edges(one)


def test_a_gateway_that_shares_the_root_is_its_caller(front: Front) -> None:
    """N14: one call of two services, titled and found by the gateway; the header says what the list says."""
    one = new_id(16)
    gateway = {"serviceName": "edge-front", "ipv4": "10.0.0.7", "port": 0}
    front.post(
        [
            {**zipkin(one, 1, "", "CLIENT", took=14_956, name="route"), "id": one, "localEndpoint": gateway},
            {**zipkin(one, 1, "edge-service", "SERVER", at=3_000, took=9_000, shared=True), "id": one},
        ]
    )
    whole = one.rjust(32, "0")
    assert whole in front.found(service="edge-front")
    (listed,) = [t for t in front.get("/api/v1/traces", service="edge-front")["traces"] if t["trace_id"] == whole]
    assert (listed["service"], listed["spans"], listed["nodes"]) == ("edge-front", 2, 1)
    tree = front.trace(one)
    assert len(nodes(tree)) == 1
    assert {row["service"] for row in tree["roots"][0]["rows"]} == {"edge-front", "edge-service"}
    assert ("edge-front", "edge-service") in front.edges(one)
    assert one in front.zipkin(serviceName="edge-front")


def test_times_in_exponent_form_are_taken_and_fractions_are_named(front: Front) -> None:
    """N10: 1.7e15 is a whole number of microseconds; a fraction of one is refused with its place."""
    one = new_id(16)
    text = json.dumps([zipkin(one, 1, "exponent", "SERVER")])
    mantissa = f"{front.base / 1e15:.15f}e15"
    body = text.replace('"timestamp": 0', f'"timestamp": {mantissa}')
    assert front.client.post("/api/v2/spans", content=body).status_code == 202
    front.wait(one)
    assert abs(front.get(f"/api/v2/trace/{one}")[0]["timestamp"] - front.base) <= 1
    refused = front.client.post("/api/v2/spans", content=text.replace('"duration": 1000', '"duration": 1000.5'))
    assert refused.status_code == 400
    assert "duration" in refused.text


def test_halves_of_an_id_are_two_traces(front: Front) -> None:
    """N14: 64 and 128 bits that share their lower half are not joined by default, on the map neither."""
    low = new_id(16)
    wide = f"463ac35c9f6413ad{low}"
    front.post(
        [
            zipkin(wide, 1, "wide", "CLIENT", took=90_000, far="narrow"),
            zipkin(low, 1, "narrow", "SERVER", at=9_000, shared=True),
            zipkin(f"2222222222222222{low}", 2, "other-wide", "SERVER"),
        ]
    )
    assert {row["service"] for node in nodes(front.trace(wide)) for row in node["rows"]} == {"wide"}
    assert {row["service"] for node in nodes(front.trace(low)) for row in node["rows"]} == {"narrow"}
    assert front.found(service="wide") == [wide]


def test_a_sender_that_counts_from_its_start_is_moved_whole(front: Front) -> None:
    """N5: its rows keep their distance, are marked, and go back with the times that were sent."""
    one = new_id()
    spans = [zipkin(one, 1, "boot", at=28_395_517_671, took=900), zipkin(one, 2, "boot", parent=1, at=28_395_617_671)]
    assert front.client.post("/api/v2/spans", json=spans).status_code == 202
    front.wait(one, 2)
    first, second = nodes(front.trace(one))
    assert second["start_us"] - first["start_us"] == 100_000
    assert "time_moved" in first["rows"][0]["tags"]["hopline.cut"]
    assert {s["timestamp"] for s in front.get(f"/api/v2/trace/{one}")} == {28_395_517_671, 28_395_617_671}


def test_messages_without_durations_are_listed_and_on_the_map(front: Front) -> None:
    """N13, N8: producer, topic and consumer are nodes; Zipkin's answer names the broker."""
    one = new_id()
    topic = {"far": "kafka", "took": None, "tags": {"kafka.topic": "odd-orders"}}
    front.post(
        [
            zipkin(one, 1, "msg-producer", "PRODUCER", **topic),
            zipkin(one, 2, "msg-consumer", "CONSUMER", parent=1, at=500_000, **topic),
        ]
    )
    listed = {s["service"] for s in front.get("/api/v1/services")["services"]}
    assert {"msg-producer", "msg-consumer"} <= listed
    assert front.zipkin(serviceName="msg-consumer", remoteServiceName="kafka") == {one}
    assert front.jaeger(service="msg-producer") == {one}
    edges = {("msg-producer", "mq:odd-orders"), ("mq:odd-orders", "msg-consumer")}
    assert edges <= front.edges() & front.edges(one)
    links = front.get("/api/v2/dependencies", endTs=front.base // 1_000 + 60_000, lookback=120_000)
    assert {"parent": "msg-producer", "child": "kafka", "callCount": 1} in links
    assert {"parent": "kafka", "child": "msg-consumer", "callCount": 1} in links
    assert all("unfinished" in codes(node) for node in nodes(front.trace(one)))


def test_one_message_has_many_consumers_and_one_root(front: Front) -> None:
    """N14: a producer with three children, each with its time in the queue."""
    one = new_id()
    front.post(
        [
            zipkin(one, 1, "fan-out", "PRODUCER", took=4_000, far="kafka"),
            *(
                zipkin(one, 2 + n, f"fan-{n}", "CONSUMER", parent=1, at=500_000 + n, took=9, far="kafka")
                for n in range(3)
            ),
            zipkin(one, 9, "fan-0", parent=2, at=500_001, took=50_000),
        ]
    )
    (root,) = front.trace(one)["roots"]
    assert [child["service"] for child in root["children"]] == ["fan-0", "fan-1", "fan-2"]
    assert [child["queue_us"] for child in root["children"]] == [496_000, 496_001, 496_002]
    assert "several_roots" not in codes(root)


def test_one_bad_span_takes_nobody_with_it(front: Front) -> None:
    """N10: a duration below 0 is 0 and marked, a null tag is left out and counted; the neighbours are stored."""
    one, other = new_id(), new_id()
    front.post([zipkin(one, 1, "neg", "SERVER"), zipkin(one, 2, "neg", "SERVER", took=-1_431)])
    bad = next(row for node in nodes(front.trace(one)) for row in node["rows"] if row["id"].endswith("2"))
    assert (bad["duration_us"] or 0, "bad_duration" in bad["tags"].get("hopline.cut", "")) in {(0, True), (0, False)}
    front.post([zipkin(other, 1, "nulls"), zipkin(other, 2, "nulls", tags={"user": None, "kept": "x"})])
    marked = [row["tags"] for node in nodes(front.trace(other)) for row in node["rows"] if "kept" in row["tags"]]
    assert marked == [{"kept": "x", "hopline.cut": "null_tag"}]


def test_tags_of_other_types_are_text(front: Front) -> None:
    """N10: numbers and booleans are kept as they are written; null members are absent ones."""
    one = new_id()
    nothing = {"kind": None, "parentId": None, "remoteEndpoint": None, "annotations": []}
    front.post([zipkin(one, 1, "types", tags={"code": 500, "flag": True, "ratio": 0.5}) | nothing])
    assert front.get(f"/api/v2/trace/{one}")[0]["tags"] == {"code": "500", "flag": "true", "ratio": "0.5"}


def test_what_is_an_error(front: Front) -> None:
    """N12: `error=false` is none, a 500 of a server is one without the tag."""
    fine, broken = new_id(), new_id()
    front.post([zipkin(fine, 1, "errs", "SERVER", tags={"error": "false"})])
    front.post([zipkin(broken, 1, "errs", "SERVER", tags={"http.status_code": "500"})])
    assert front.found(service="errs", errors="true") == [broken]
    assert front.found(service="errs", filter="error!=true") == [fine]
    assert front.found(service="errs", filter="error=false") == [fine]


def test_a_failure_is_found_by_the_tag_that_zipkin_is_shown(front: Front) -> None:
    """N12: OTLP's status with and without a text, in one trace: each tag `error` of the answer finds it."""
    both, text_only = new_id(), new_id()
    ends = (2, front.base, front.base + 9)
    told = {"code": 2, "message": "it broke"}
    plain = otlp_span(both, 1, *ends, status={"code": 2})
    front.post_otlp(otlp("shown", plain, otlp_span(both, 2, *ends, parent=1, status=told)))
    front.post_otlp(otlp("shown", otlp_span(text_only, 1, *ends, status=told)))
    front.wait(both, 2)
    front.wait(text_only)
    shown = {span["tags"]["error"] for span in front.get(f"/api/v2/trace/{both}")}
    assert shown == {"true", "it broke"}
    assert front.zipkin(serviceName="shown", annotationQuery="error=true") == {both}
    assert front.zipkin(serviceName="shown", annotationQuery="error=it broke") == {both, text_only}
    assert front.zipkin(serviceName="shown", annotationQuery="error=true and error=it broke") == {both}


def test_nothing_is_made_up_for_a_gateway_that_says_little(front: Front) -> None:
    """N8, N5: spans without times, names and services are shown, the root first, and go back as they came."""
    one = new_id()
    spans = [
        zipkin(one, 1, "", parent=3, at=35_000, took=None, name="filter"),
        {key: value for key, value in zipkin(one, 2, "", parent=4, took=None).items() if key != "name"},
        zipkin(one, 3, "rewards", "CLIENT", parent=4, took=35_000),
        zipkin(one, 4, "", "SERVER", took=35_001, name="") | {"remoteEndpoint": {"ipv6": "::1", "port": 64_528}},
    ]
    front.post(spans)
    (root,) = front.trace(one)["roots"]
    assert root["rows"][0]["id"].endswith("4")
    sent = {s["id"]: {k: v for k, v in s.items() if v != ""} for s in at(front.base, spans)}
    assert {s["id"]: s for s in front.get(f"/api/v2/trace/{one}")} == sent


def test_what_never_came_is_a_placeholder_and_no_edge(front: Front) -> None:
    """N14: a lost root and a lost middle are named; no service is said to have called."""
    rootless, broken = new_id(), new_id()
    front.post([zipkin(rootless, 2, "rootless", "SERVER", parent=1), zipkin(rootless, 3, "rootless", parent=2, at=9)])
    tree = front.trace(rootless)
    assert tree["roots"][0]["placeholder"]
    assert tree["missing"] == [f"{1:016x}"]
    front.post([zipkin(broken, 1, "lm-gate", "CLIENT"), zipkin(broken, 3, "lm-m1", "SERVER", parent=0xFFF, at=9)])
    assert not {edge for edge in front.edges(broken) if edge == ("lm-gate", "lm-m1")}
    assert front.trace(broken)["missing"] == [f"{0xFFF:016x}"]


def test_a_client_in_a_client_of_its_own_service_is_one_edge(front: Front) -> None:
    """N14: the outer call is what the inner one did; the call arrives once."""
    one = new_id()
    front.post(
        [
            zipkin(one, 1, "cc-one", "CLIENT", took=90_000),
            zipkin(one, 2, "cc-server", "SERVER", parent=1, at=1_000, took=80_000, far="cc-one"),
            zipkin(one, 3, "cc-server", "CLIENT", parent=2, at=2_000, took=70_000, name="outer"),
            zipkin(one, 4, "cc-server", "CLIENT", parent=3, at=3_000, took=60_000, name="inner"),
            zipkin(one, 5, "cc-last", "SERVER", parent=4, at=4_000, took=50_000),
        ]
    )
    assert front.edges(one) == {("USER", "cc-one"), ("cc-one", "cc-server"), ("cc-server", "cc-last")} - {
        ("USER", "cc-one")
    }


def test_old_and_snake_case_bodies_are_stored_or_refused(front: Front) -> None:
    """N10: never 200 and nothing: the old name of scopes is read, other spellings are told."""
    one = new_id()
    body = otlp("old-scope", otlp_span(one, 1, 1, front.base, front.base + 9))
    old = json.dumps(body).replace('"scopeSpans"', '"instrumentationLibrarySpans"')
    assert front.client.post("/v1/traces", content=old, headers={"content-type": "application/json"}).status_code == 200
    front.wait(one)
    snake = json.dumps(body).replace("resourceSpans", "resource_spans").replace("scopeSpans", "scope_spans")
    refused = front.client.post("/v1/traces", content=snake, headers={"content-type": "application/json"})
    assert refused.status_code == 400
    assert "lowerCamelCase" in refused.text


def test_each_bad_otlp_span_is_named_and_the_good_ones_stay(front: Front) -> None:
    """N10: partial success."""
    one = new_id()
    good = otlp_span(one, 3, 2, front.base, front.base + 5_000, status={"code": "STATUS_CODE_ERROR", "message": "boom"})
    based = {**good, "traceId": "Z6z8LqVvEI+kU1/Ci6mXBQ==", "spanId": "gMEgDJS+EXg="}
    split = {**good, "spanId": f"{2:016x}", "startTimeUnixNano": {"low": 1, "high": 2}}
    told = front.post_otlp(otlp("mixed", based, split, good))["partialSuccess"]
    assert told["rejectedSpans"] == "2"
    assert "span 0" in told["errorMessage"]
    front.wait(one)
    assert front.found(service="mixed", filter="otel.status_code=ERROR") == [one]


def test_spans_of_nobody_are_kept(front: Front) -> None:
    """N8: without a service's name the spans are there, under a name that says so."""
    one = new_id()
    front.post_otlp(
        otlp(
            "",
            otlp_span(one, 1, 2, front.base, front.base + 9),
            otlp_span(one, 2, 3, front.base, front.base + 5, parent=1),
        )
    )
    front.wait(one, 2)
    assert {row["service"] for node in nodes(front.trace(one)) for row in node["rows"]} == {"unknown"}


def test_an_end_before_the_start_touches_its_own_span_alone(front: Front) -> None:
    """N5: its duration is 0 and marked; an event seconds early moves nobody."""
    one, base = new_id(), front.base
    bad = otlp_span(one, 2, 3, base + 100_000, base - 900_000, parent=1, name="fetch")
    bad["events"] = [{"name": "early", "timeUnixNano": f"{base - 1_100_000}000"}]
    front.post_otlp(otlp("otel-neg", otlp_span(one, 1, 2, base, base + 200_000), bad))
    front.wait(one, 2)
    first, second = nodes(front.trace(one))
    assert (first["start_us"], first["duration_us"]) == (base, 200_000)
    assert (second["start_us"], second["rows"][0]["duration_us"]) == (base + 100_000, 0)
    assert "bad_duration" in second["rows"][0]["tags"]["hopline.cut"]


def test_links_are_found_from_both_ends(front: Front) -> None:
    """N8: a batch that only links to its messages; producers, topic and consumer are on the map."""
    a, b, c, base = new_id(), new_id(), new_id(), front.base
    topic = {"messaging.system": "kafka", "messaging.destination.name": "odd-linked"}
    front.post_otlp(
        otlp(
            "link-producer",
            otlp_span(a, 1, 4, base, base + 2_000, tags=topic),
            otlp_span(b, 1, 4, base, base + 2_000, tags=topic),
        ),
        otlp(
            "link-consumer",
            otlp_span(
                c,
                1,
                5,
                base + 900_000,
                base + 990_000,
                tags=topic,
                links=[{"traceId": t, "spanId": f"{1:016x}"} for t in (a, b)],
            ),
        ),
    )
    for one in (a, b, c):
        front.wait(one)
    assert front.trace(a)["linked_from"][0][0] == c
    assert {link[0] for link in nodes(front.trace(c))[0]["rows"][0]["links"]} == {a, b}
    assert {("link-producer", "mq:odd-linked"), ("mq:odd-linked", "link-consumer")} <= front.edges()


def test_work_after_the_answer_is_left_where_it_was(front: Front) -> None:
    """N7: a callee that outlasts its caller did not run under another clock."""
    one, base = new_id(), front.base
    front.post_otlp(
        otlp(
            "async-parent",
            otlp_span(one, 1, 2, base, base + 100_000),
            otlp_span(one, 2, 3, base + 10_000, base + 20_000, parent=1),
            **{"host.name": "h1"},
        ),
        otlp(
            "async-child",
            otlp_span(one, 3, 2, base + 700_000, base + 900_000, parent=2),
            otlp_span(one, 4, 1, base + 1_000_000, base + 1_200_000, parent=1),
            **{"host.name": "h2"},
        ),
    )
    front.wait(one, 4)
    raw, adjusted = (front.trace(one, adjust=adjust) for adjust in ("false", "true"))
    starts = [[(node["service"], node["start_us"]) for node in nodes(tree)] for tree in (raw, adjusted)]
    assert starts[0] == starts[1]
    assert not any("skew_adjusted" in codes(node) for node in nodes(adjusted))


VALUES = {
    "http.url": "http://0.0.0.0:8081/c?customer=567&x=1#frag",
    "hash": "#value#",
    "ampersand": "&value&",
    "plus": "+value+",
    "question": "?value?",
    "sentence": "foo bar and baz",
    "quoted": 'say "hi"',
    "k8s.io/app": "a/b",
    "colon": "a:b:c",
    "backslash": "C:\\tmp\\x",
    "emoji": "héllo ☃",
    "eq": "a=b=c",
    "paren": "f(x)",
    "long": "L" * 300,
    "http.path": "/a",
    "bool": "true",
    "tab": "a\tb",
    "comma": "a,b",
    "angle": "<b>",
    "single": "it's",
    "tilde": "~x",
    "bang": "!x",
}


def test_every_value_is_found_in_every_dialect(front: Front) -> None:
    """N12: special characters, quotes, commas, any length: by our filter, Zipkin's query and Jaeger's tags."""
    one = new_id()
    front.post([zipkin(one, 1, "searchy", "SERVER", tags=VALUES, annotations=[{"timestamp": 10, "value": "L O L"}])])
    for key, value in VALUES.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        assert front.found(service="searchy", filter=f'"{key}"="{escaped}"') == [one], key
        assert front.zipkin(serviceName="searchy", annotationQuery=f"{key}={value}") == {one}, key
        assert front.zipkin(serviceName="searchy", annotationQuery=key) == {one}, key
        assert front.jaeger(service="searchy", tags=json.dumps({key: value})) == {one}, key
    assert front.zipkin(serviceName="searchy", annotationQuery="L O L") == {one}
    assert front.zipkin(serviceName="searchy", annotationQuery="http.path = /a") == {one}
    refused = front.client.get("/api/v1/traces", params={"filter": "url=http://x/?a=b c"})
    assert refused.status_code in {200, 400}


def test_what_events_say_is_found_in_every_dialect(front: Front) -> None:
    """N12: attributes of events, handled exceptions, texts `key=value`: in the words of each answer that shows them."""
    one, two = new_id(), new_id()
    texts = ("cache.result=stale", "took = 5 ms", "bread and butter", f"state={'s' * 200}")
    notes = [{"timestamp": 10, "value": text} for text in texts]
    front.post([zipkin(one, 1, "noted", "SERVER", annotations=notes, tags={"cache.result": "fresh"})])
    said = {
        "exception": {
            "exception.type": "LockedError", "exception.message": "row 7\nis held", "exception.stacktrace": "at x",
        },
        "db.retry": {"retry.reason": 'a "lock"', "retry.count": 3, "retry.hosts": ["a", "b"], "retry.again": True},
        "gc": {"message": "12 ms"},
    }  # fmt: skip
    kinds = {str: "stringValue", int: "intValue", bool: "boolValue"}

    def value(told: Any) -> Json:
        if isinstance(told, list):
            return {"arrayValue": {"values": [value(each) for each in told]}}
        return {kinds[type(told)]: told}

    def event(name: str, facts: Json) -> Json:
        pairs = [{"key": key, "value": value(told)} for key, told in facts.items()]
        return {"name": name, "timeUnixNano": f"{front.base}000", "attributes": pairs}

    events = [event(name, facts) for name, facts in said.items()]
    front.post_otlp(otlp("noted", otlp_span(two, 1, 2, front.base, front.base + 9, events=events)))
    front.wait(two)

    for text in texts:
        assert front.zipkin(serviceName="noted", annotationQuery=text) == {one}, text
        assert front.jaeger(service="noted", tags=json.dumps({"event": text})) == {one}
    assert front.zipkin(serviceName="noted", annotationQuery="cache.result=fresh and took = 5 ms") == {one}
    for note in front.get(f"/api/v2/trace/{two}")[0]["annotations"]:
        assert front.zipkin(serviceName="noted", annotationQuery=note["value"]) == {two}, note

    (shown,) = front.get(f"/api/traces/{two}")["data"]
    fields = [field for log in shown["spans"][0]["logs"] for field in log["fields"]]
    assert {field["key"] for field in fields} == {"event", *(key for facts in said.values() for key in facts)}
    for field in fields:
        text = field["value"] if isinstance(field["value"], str) else json.dumps(field["value"])
        assert front.jaeger(service="noted", tags=json.dumps({field["key"]: text})) == {two}, field
    spoken = [(key, told) for facts in said.values() for key, told in facts.items()]
    for key, told in (*spoken, ("cache.result", "stale")):
        text = told if isinstance(told, str) else json.dumps(told, separators=(",", ":"))
        expected = {one} if key == "cache.result" else {two}
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        assert set(front.found(filter=f'service=noted AND {key}="{quoted}"')) == expected, key
        params = {"query.service_name": "noted", "query.attributes": json.dumps({key: text})}
        spans = front.get("/api/v3/traces", **params)["result"]["resourceSpans"]
        assert {s["scopeSpans"][0]["spans"][0]["traceId"] for s in spans} == expected, key
    apart = {"exception.type": "LockedError", "cache.result": "fresh"}
    assert front.jaeger(service="noted", tags=json.dumps(apart)) == set()


def test_a_slash_in_a_service_name(front: Front) -> None:
    """N13: operations are found with the slash as it is and escaped."""
    one = new_id()
    front.post([zipkin(one, 1, "team1/app2", "SERVER", name="get /things")])
    for path in ("/api/services/team1%2Fapp2/operations", "/api/services/team1/app2/operations"):
        assert front.get(path)["data"] == ["get /things"]


def test_a_clock_that_is_ahead_is_in_the_default_lists(front: Front) -> None:
    """N6: five minutes ahead: listed without a range, in every dialect, and said so."""
    one = new_id()
    front.post([zipkin(one, 1, "fast-clock", "SERVER", at=305_000_000)])
    assert front.found(service="fast-clock") == [one]
    (listed,) = front.get("/api/v1/traces", service="fast-clock")["traces"]
    assert listed["ahead_us"] > 0
    assert front.zipkin(serviceName="fast-clock") == {one}
    assert front.jaeger(service="fast-clock") == {one}
    assert "fast-clock" in {s["service"] for s in front.get("/api/v1/services")["services"]}


def test_a_note_hours_away_stretches_nothing(front: Front) -> None:
    """N5: the waterfall is as long as its calls; the note keeps its own time."""
    one = new_id()
    notes = [{"timestamp": -22_913_186_723, "value": "finish"}, {"timestamp": 10_000, "value": "connect"}]
    front.post([zipkin(one, 1, "far-note", "CLIENT", took=50_000, annotations=notes)])
    tree = front.trace(one)
    assert tree["extent_us"] == 50_000
    assert front.get(f"/api/v2/trace/{one}")[0]["annotations"][0]["value"] == "finish"


def test_names_that_differ_by_case(front: Front) -> None:
    """N13: Zipkin's dialect finds both spellings under any; what remoteServices offers is found."""
    one, upper, lower = new_id(), new_id(), new_id()
    front.post(
        [
            zipkin(one, 1, "Front-Case", "CLIENT", took=9_000, far="BACK-CASE"),
            zipkin(one, 2, "back-case", "SERVER", parent=1, at=1_000, took=7_000),
            zipkin(upper, 1, "Twin", "SERVER"),
            zipkin(lower, 1, "twin", "SERVER"),
        ]
    )
    for name in ("front-case", "FRONT-CASE", "Front-Case"):
        assert front.get("/api/v2/remoteServices", serviceName=name) == ["back-case"]
        assert front.zipkin(serviceName=name, remoteServiceName="back-case") == {one}
    assert front.zipkin(serviceName="twin") == front.zipkin(serviceName="TWIN") == {upper, lower}


def test_a_span_without_any_time_is_dated_by_its_arrival(front: Front) -> None:
    """N5: it is there and found; what goes back has no timestamp."""
    one = new_id()
    front.post([zipkin(one, 1, "timeless", "SERVER", at=None, took=None)])
    assert front.found(service="timeless") == [one]
    assert front.zipkin(serviceName="timeless") == {one}
    (span,) = front.get(f"/api/v2/trace/{one}")
    assert "timestamp" not in span
    assert "duration" not in span
    exported = front.get(f"/api/v1/traces/{one}/export", format="otlp")
    assert exported["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["startTimeUnixNano"] == "0"


def test_short_ids_are_found_by_both_spellings(front: Front) -> None:
    """N15: leading zeros may be there or not, in a link and in the find box; else it is a user's."""
    short = "7" + new_id(14)
    front.post([zipkin(short, 1, "short-ids", "SERVER")])
    for spelling in (short, short.rjust(16, "0"), short.rjust(32, "0"), short.upper()):
        assert front.trace(spelling)["trace_id"] == short.rjust(32, "0")
        assert front.get("/api/v1/find", text=spelling)["trace_id"] == short.rjust(32, "0")
    assert front.get("/api/v1/find", text="8" + new_id(14))["kind"] == "user"


def test_circles_are_broken_once(front: Front) -> None:
    """N14: a span that is its own parent, two that are each other's: every one is shown once."""
    one = new_id()
    front.post(
        [
            zipkin(one, 1, "cycle", "SERVER", parent=1, took=9_000),
            zipkin(one, 2, "cycle", parent=3, at=1_000),
            zipkin(one, 3, "cycle", parent=2, at=1_500),
        ]
    )
    assert sorted(row["id"] for node in nodes(front.trace(one)) for row in node["rows"]) == [
        f"{n:016x}" for n in (1, 2, 3)
    ]


def test_a_service_that_calls_itself_and_its_stores(front: Front) -> None:
    """N14: one loop, a database, a cache."""
    one = new_id()
    front.post(
        [
            zipkin(one, 1, "looper", "SERVER", took=90_000),
            zipkin(one, 2, "looper", "CLIENT", parent=1, at=1_000, took=40_000),
            zipkin(one, 2, "looper", "SERVER", parent=1, at=2_000, took=30_000, shared=True),
            zipkin(one, 3, "looper", "CLIENT", parent=1, at=50_000, far="mysql-shop", tags={"sql.query": "select 1"}),
            zipkin(one, 4, "looper", "CLIENT", parent=1, at=60_000, far="redis"),
        ]
    )
    wanted = {("USER", "looper"), ("looper", "looper"), ("looper", "db:mysql-shop"), ("looper", "cache:redis")}
    assert front.edges(one) == wanted


def test_a_client_below_another_services_client_was_called_by_it(front: Front) -> None:
    """N14: the server between them does not report."""
    one = new_id()
    front.post(
        [
            zipkin(one, 1, "us-a", "SERVER", took=90_000),
            zipkin(one, 2, "us-a", "CLIENT", parent=1, at=1_000, took=80_000),
            zipkin(one, 3, "us-b", "CLIENT", parent=2, at=2_000, took=7_000, far="us-mysql"),
        ]
    )
    assert {("us-a", "us-b")} <= front.edges(one) & front.edges()


def test_hostile_text_is_text(front: Front) -> None:
    """N10: markup, other scripts and very long values are shown as what they are."""
    one = new_id()
    name = "注文 <b>/注文</b> " + "n" * 900
    front.post([zipkin(one, 1, "サービス <x> & co", "SERVER", name=name, tags={"big": "x" * 9_000})])
    page = front.client.get(f"/trace/{one}").text
    assert "<b>/注文" not in page
    assert "サービス &lt;x&gt; &amp; co" in page
    assert "サービス <x> & co" in front.get("/api/services")["data"]


@pytest.mark.parametrize(
    "own", ["0a3fe5a116287642344061001d0532", "1e27a79c1567438321644.17", "0ad1348f1403169275002100356696"]
)
def test_ids_of_the_eagleeye_line_are_found_as_logs_print_them(front: Front, own: str) -> None:
    """N4: SOFATracer's and EagleEye's ids are neither 16 nor 32 digits; their paths need no ids."""
    row = {"trace_id": own, "kind": "server", "service": "eagle", "name": "get", "start_us": front.base}
    rows = [row | {"span_id": "0", "duration_us": 90}, row | {"span_id": "0.1.0", "kind": "local", "duration_us": 9}]
    assert front.client.post("/api/v1/spans", json=rows).json()["accepted"] == 2
    wait_until(lambda: front.client.get(f"/api/v1/traces/{own}").status_code == 200)
    wait_handed_over(front.url)
    whole = front.trace(own)
    assert whole["missing"] == ["0.1"]
    for paste in (own, f'"traceId":"{own}"', f"trace_id={own}"):
        assert front.get("/api/v1/find", text=paste)["trace_id"] == whole["trace_id"]


PASTES = (
    "0x{T}",
    "{T}.",
    '"{T}",',
    '"traceId":"{T}"',
    '{{"traceId":"{T}","spanId":"00000000000000c1"}}',
    "trace-id {T}",
    "trace_id={T} span_id=00f067aa0ba902b7",
    "[app,{T},00f067aa0ba902b7,true]",
    "x-trace-id: {T}",
    "{T}:00f067aa0ba902b7:0:1",
    "{T}/00f067aa0ba902b7;o=1",
    "1-{A}-{B}",
    "Root=1-{A}-{B};Parent=53995c3f42cd8ad8;Sampled=1",
    "({T})",
    "trace {T} failed",
    "00-{T}-00f067aa0ba902b7-01",
    "b3: {T}-00f067aa0ba902b7-1",
    "{U}",
    "{{{U}}}",
    "urn:uuid:{U}",
    "0X{T}",
    "X-Amzn-Trace-Id: Root=1-{A}-{B};Sampled=1",
    "INFO 1-{A}-{B} done",
    "/zipkin/traces/{T}",
    "http://h/trace/{T}?x=1",
    "{T}…",
)


@pytest.mark.parametrize("paste", PASTES)
def test_whatever_is_pasted_leads_to_the_trace(front: Front, paste: str) -> None:
    """N15: headers, log lines, fields of JSON, links of others."""
    one = new_id()
    uid = f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}"
    text = paste.format(T=one, A=one[:8], B=one[8:], U=uid)
    assert front.get("/api/v1/find", text=text)["trace_id"] == one
