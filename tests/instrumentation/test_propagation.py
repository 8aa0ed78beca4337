from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hopline
from hopline import config as settings
from hopline import tracer as tracing
from hopline.propagation import b3, inbound, outbound, traceparent, tracestate
from hopline.propagation.baggage import Baggage
from hopline.propagation.tracestate import Hop
from hopline.testing import Recorder

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"

names = st.sampled_from(
    ["traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "X-B3-Flags", "x"]
)
near_misses = st.one_of(
    st.text(max_size=300),
    st.from_regex(r"[0-9a-f]{2}-[0-9a-fA-F]{31,33}-[0-9a-f]{15,17}-[0-9a-f]{1,3}(-.*)?", fullmatch=True),
    st.from_regex(r"hop=[0-9a-f]{15,17};[0~](\.[0-9]{1,4}){0,100};[0-9]{0,9}(;.{0,20}){0,8}"),
    st.just(VALID),
)


@given(st.lists(st.tuples(names, near_misses), max_size=8))
def test_no_text_header_raises(headers):
    """P3: malformed, over-long or hostile headers never raise."""
    inbound.extract(headers, 1024, lambda _name: None)


@given(st.lists(st.tuples(names.map(str.encode), st.binary(max_size=300)), max_size=8))
def test_no_byte_header_raises(headers):
    """P3: random bytes never raise; what was accepted can be sent on."""
    with Recorder() as recorder:
        row = hopline.server_recv("op", headers)
        onward = hopline.inject({})
        hopline.server_send(row)
        assert traceparent.parse(onward["traceparent"]) is not None or not recorder
        assert tracestate.parse([onward["tracestate"]]).valid
        assert not any(char in value for value in onward.values() for char in "\r\n\0")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        VALID[:-1],
        VALID + "-",
        VALID + "-00",
        VALID + ".",
        VALID.upper(),
        VALID.replace("00-", "ff-", 1),
        VALID.replace("00-", "0-", 1),
        VALID.replace("00-", ".0-", 1),
        VALID.replace("00-", "000-", 1),
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE[:-1]}.-{PARENT}-01",
        f"00-{TRACE}-{PARENT[:-1]}-01",
        f"00-{TRACE}-{PARENT}0-01",
        f"00-{TRACE}-{PARENT[:-1]}.-01",
        f"00-{TRACE}-{PARENT}-0",
        f"00-{TRACE}-{PARENT}-.1",
        f"00-{TRACE}-{PARENT}-001",
        f"cc-{TRACE}-{PARENT}-01.what-the-future-will-be-like",
        f"00_{TRACE}_{PARENT}_01",
        "\u0663" * 55,
    ],
)
def test_invalid_traceparent_begins_anew(recorder, header):
    """P3: W3C trace-context: each invalid traceparent starts a fresh trace, tracestate is dropped, it is counted."""
    row = hopline.server_recv("op", {"traceparent": header, "tracestate": "foo=1"})
    onward = hopline.inject({})
    hopline.server_send(row)
    assert row.trace_id != TRACE
    assert row.span_id == "0"
    assert "foo=1" not in onward["tracestate"]
    assert recorder.counters()["events"]["malformed_traceparent"] == 1


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (VALID, True),
        (f" \t{VALID}\t ", True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-ff", True),
        (f"00-{TRACE}-{PARENT}-fe", False),
        (f"01-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", True),
        (f"fe-{TRACE}-{PARENT}-01-", True),
    ],
)
def test_valid_traceparent_is_continued(recorder, header, sampled):
    """P3: W3C trace-context: version 00 and higher versions are continued, the sampled flag followed."""
    row = hopline.server_recv("op", [("TraceParent", header)])
    assert (row.trace_id, row.recording) == (TRACE, sampled)
    onward = hopline.inject({})["traceparent"]
    hopline.server_send(row)
    assert onward.startswith(f"00-{TRACE}-")
    assert onward.split("-")[2] not in {PARENT, "0" * 16}


def test_two_traceparents_begin_anew(recorder):
    """P3: W3C trace-context: several traceparent headers are no header."""
    other = VALID.replace("4bf9", "5bf9")
    row = hopline.server_recv("op", [("traceparent", VALID), ("traceparent", other)])
    hopline.server_send(row)
    assert row.trace_id not in {TRACE, other.split("-")[1]}


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        (["foo=1"], ["foo=1"]),
        (["foo=1,bar=2"], ["foo=1", "bar=2"]),
        (["foo=1", "bar=2"], ["foo=1", "bar=2"]),
        (["foo=1,", "bar=2"], ["foo=1", "bar=2"]),
        (["foo=1 \t , \t bar=2, \t baz=3"], ["foo=1", "bar=2", "baz=3"]),
        (["foo=1,,bar=2,"], ["foo=1", "bar=2"]),
        (["foo=1", ""], ["foo=1"]),
        ([""], []),
        ([f"{'z' * 256}=1"], [f"{'z' * 256}=1"]),
        ([f"{'t' * 241}@{'v' * 14}=1"], [f"{'t' * 241}@{'v' * 14}=1"]),
        ([f"foo={'v' * 256}"], [f"foo={'v' * 256}"]),
        (["t@v=1,a-*/_9=x y"], ["t@v=1", "a-*/_9=x y"]),
        ([",".join(f"k{n}=1" for n in range(31))], [f"k{n}=1" for n in range(31)]),
        ([",".join(f"k{n}=1" for n in range(32))], [f"k{n}=1" for n in range(31)]),
    ],
)
def test_valid_tracestate_goes_on(recorder, headers, kept):
    """P1, N16: other vendors' members survive unchanged and in order, ours first, 32 at most."""
    row = hopline.server_recv("op", [("traceparent", VALID), *(("tracestate", header) for header in headers)])
    onward = hopline.inject({})["tracestate"].split(",")
    hopline.server_send(row)
    assert onward[0].startswith("hop=")
    assert onward[1:] == kept


@pytest.mark.parametrize(
    "header",
    [
        "foo",
        "foo=",
        "=1",
        "@foo=1",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "foo=bar=baz",
        f"{'z' * 257}=1",
        f"foo={'v' * 257}",
        "foo=\u00e9",
        ",".join(f"k{n}=1" for n in range(33)),
    ],
)
def test_invalid_tracestate_is_dropped_and_the_trace_goes_on(recorder, header):
    """P3: W3C trace-context: an invalid tracestate counts for nothing; traceparent still holds."""
    row = hopline.server_recv("op", {"traceparent": VALID, "tracestate": header})
    onward = hopline.inject({})["tracestate"]
    hopline.server_send(row)
    assert row.trace_id == TRACE
    assert "," not in onward
    assert recorder.counters()["events"]["malformed_tracestate"] == 1


def test_stale_hop_counts_for_nothing(recorder):
    """P2: the hop member counts only if its id equals the traceparent's parent id."""
    row = hopline.server_recv("op", {"traceparent": VALID, "tracestate": f"hop={'a' * 16};0.1;;gateway"})
    hopline.server_send(row)
    assert row.span_id == "~"
    assert recorder.one(name="op").caller_service == ""
    assert recorder.counters()["events"]["stale_hop"] == 1


def test_order_of_the_inbound_headers(recorder):
    """P2: traceparent is read first, then b3, then X-B3-*."""
    single = {"b3": f"{'1' * 32}-{'2' * 16}-1"}
    multi = {"X-B3-TraceId": "3" * 16, "X-B3-SpanId": "4" * 16, "X-B3-Sampled": "1"}
    assert hopline.extract({"traceparent": VALID, **single, **multi}).trace_id == int(TRACE, 16)
    assert hopline.extract({**single, **multi}).trace_id == int("1" * 32, 16)
    assert hopline.extract(multi).trace_id == int("3" * 16, 16)
    assert hopline.extract({"traceparent": "bad", **multi}).trace_id == int("3" * 16, 16)
    assert hopline.extract({}) is None


def test_b3_flags(recorder):
    """P2: b3: accept, deny, debug, and no decision."""
    ids = f"{TRACE}-{PARENT}"
    states = {state: b3.parse_single(f"{ids}{state}").flags for state in ("-1", "-0", "-d", "", f"-1-{PARENT}")}
    assert states == {"-1": 1, "-0": 0, "-d": 3, "": None, f"-1-{PARENT}": 1}
    assert b3.parse_multi(TRACE, PARENT, "0", "1").flags == 3
    assert all(
        b3.parse_single(bad) is None for bad in ("0", "1", "d", f"{ids}-x", f"{TRACE}", f"{'0' * 32}-{PARENT}-1")
    )


def test_b3_is_written_by_setting():
    """P1: B3 single or multi is written only by setting."""
    with Recorder(b3="single"), hopline.span("root") as root:
        assert hopline.inject({})["b3"] == f"{root.trace_id}-{root.id}-1"
    with Recorder(b3="multi"), hopline.span("root") as root:
        headers = hopline.inject({})
        assert (headers["X-B3-TraceId"], headers["X-B3-SpanId"], headers["X-B3-Sampled"]) == (
            root.trace_id,
            root.id,
            "1",
        )
    with Recorder(), hopline.span("root"):
        assert set(hopline.inject({})) == {"traceparent", "tracestate"}


text = st.text(max_size=300)


@given(
    st.integers(1, 2**64 - 1),
    st.lists(st.integers(1, 9999), max_size=30),
    st.integers(1000, 10_000_000),
    st.tuples(text, text, text, text),
    st.booleans(),
)
def test_hop_always_fits_and_comes_back(number, ordinals, weight, names, debug):
    """P1: the hop member is at most 256 characters; id, path, weight and debug always survive, names when they fit."""
    path = ".".join(["0", *map(str, ordinals)])
    written = tracestate.write_hop(Hop(number, path, weight, *names, debug))
    value = written.removeprefix("hop=")
    assert len(value) <= 256
    state = tracestate.parse([written])
    assert state.valid
    assert (*state.hop[:3], state.hop.debug) == (number, path, weight, debug)
    for ours, theirs in zip(names, state.hop[3:7], strict=True):
        assert theirs in {"", ours.encode("utf-8", "replace").decode()}


def test_hop_drops_operation_then_instance_then_service():
    """P1: operation, instance, then caller service are dropped, in this order."""
    path = "0" + ".1" * 60
    full = tracestate.write_hop(Hop(1, path, 1000, "s" * 20, "z", "i" * 20, "o" * 20))
    assert full.endswith(f";{'s' * 20};z;{'i' * 20};{'o' * 20}")
    no_operation = tracestate.write_hop(Hop(1, path, 1000, "s" * 20, "z", "i" * 20, "o" * 90))
    assert no_operation.endswith(f";{'s' * 20};z;{'i' * 20}")
    no_instance = tracestate.write_hop(Hop(1, path, 1000, "s" * 20, "z", "i" * 100, "o" * 90))
    assert no_instance.endswith(f";{'s' * 20};z")
    no_service = tracestate.write_hop(Hop(1, path, 1000, "s" * 120, "z", "i" * 100, "o" * 90))
    assert no_service.endswith(f"{path};;;z")


def test_longest_path_leaves_room_for_debug():
    """P1: id and path always fit, the debug flag beside them."""
    path = "0" + ".1" * 79
    written = tracestate.write_hop(Hop(1, path, 10_000_000, "s" * 300, "z" * 300, "i" * 300, "o" * 300, debug=True))
    assert written == f"hop={1:016x};{path};10000000;;;;;d"


@pytest.mark.parametrize(
    ("value", "operation", "debug"),
    [
        ("0.1;;a;z;i;GET%20/;d", "GET /", True),
        ("0.1;;a;z;i;GET%20/", "GET /", False),
        ("0.1;;;;;;d", "", True),
        ("0.1;;a;z;i;op;x", "op", False),
        ("0.1;;a;z;i;op;dd", "op", False),
        ("0.1;;a;z;i;op;d;of;later;versions", "op", True),
        ("0.1;;a;z;i;d", "d", False),
    ],
)
def test_debug_is_the_last_field(value, operation, debug):
    """P1: the field of debug comes after those that older readers know, which ignore it; ours ignore what follows."""
    hop = tracestate.parse_hop(f"{PARENT};{value}")
    assert (hop.operation, hop.debug) == (operation, debug)


def hop_to(name: str, headers: dict[str, str]) -> dict[str, str]:
    """One hop of ours: a server row that calls on."""
    row = hopline.server_recv(name, headers)
    onward = hopline.inject({})
    hopline.server_send(row)
    return onward


def test_put_is_seen_on_every_later_hop(recorder):
    """P4: put travels on through every hop, with its escapes."""
    with hopline.span("root"):
        hopline.put("tenant", "a b,c;d=é%")
        headers = hopline.inject({})
    for name in ("second", "third"):
        headers = hop_to(name, headers)
    row = hopline.server_recv("fourth", headers)
    assert hopline.get("tenant") == "a b,c;d=é%"
    hopline.server_send(row)


def test_put_once_is_seen_by_direct_callees_only(recorder):
    """P4: put_once reaches the direct callee and is gone two hops on."""
    with hopline.span("root"):
        hopline.put_once("step", "1")
        headers = hopline.inject({})
        assert hopline.get("step") is None
    row = hopline.server_recv("callee", headers)
    assert hopline.get("step") == "1"
    onward = hopline.inject({})
    hopline.server_send(row)
    assert "step" not in onward.get("baggage", "")
    row = hopline.server_recv("next", onward)
    assert hopline.get("step") is None
    hopline.server_send(row)


def test_put_once_is_removed_behind_a_foreign_hop(recorder):
    """P4: a foreign hop in between passes the key on; the next of ours removes it."""
    with hopline.span("root"):
        hopline.put_once("step", "1")
        headers = hopline.inject({})
    headers["traceparent"] = f"00-{headers['traceparent'].split('-')[1]}-{PARENT}-01"
    row = hopline.server_recv("behind", headers)
    assert hopline.get("step") is None
    assert "step" not in hopline.inject({}).get("baggage", "")
    hopline.server_send(row)


def test_a_later_put_wins(recorder):
    """P4: of put and put_once under one key the later wins."""
    with hopline.span("root"):
        hopline.put_once("k", "once")
        hopline.put("k", "kept")
        assert hopline.inject({})["baggage"] == "k=kept"
        hopline.put_once("k", "once")
        assert hopline.inject({})["baggage"].startswith("hop1.")


def test_baggage_cap_drops_the_newest_key(recorder):
    """P4: 1,024 bytes by default; the newest key is dropped and counted."""
    with hopline.span("root"):
        hopline.put("first", "x" * 600)
        hopline.put("second", "y" * 600)
        hopline.put("third", "z" * 100)
        headers = hopline.inject({})
    assert hopline.get("second") is None
    assert "first=" in headers["baggage"]
    assert "third=" in headers["baggage"]
    assert len(headers["baggage"]) <= 1024
    assert recorder.counters()["events"]["baggage_dropped"] == 1


def test_a_megabyte_of_baggage(recorder):
    """P3: 1 MB of inbound baggage is cut and counted, and what goes on stays under the cap."""
    huge = ",".join(f"k{n}={'v' * 90}" for n in range(10_000))
    onward = hop_to("op", {"traceparent": VALID, "baggage": huge})
    assert len(onward["baggage"]) <= 1024
    assert recorder.counters()["events"]["baggage_dropped"] > 0


def test_foreign_baggage_keeps_its_properties():
    """P4: members of others go on unchanged, properties included; ours are read percent-decoded."""
    counted: Counter[str] = Counter()
    bag = Baggage.parse(["a=1;p=x;q, b = %C3%A9 ", "bad member,,c=3"], 1, 1024, lambda name: counted.update([name]))
    assert bag.items() == {"a": "1", "b": "é", "c": "3"}
    assert bag.write(1) == "a=1;p=x;q,b=%C3%A9,c=3"
    assert counted == {"baggage_malformed": 1}


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("localhost:8000", True),
        ("127.0.0.1:80", True),
        ("[::1]:80", True),
        ("192.168.1.4", True),
        ("orders", True),
        ("orders.shop.svc", True),
        ("orders.internal:80", True),
        ("example.com", False),
        ("8.8.8.8", False),
        ("[2606:4700::1111]:443", False),
        ("", False),
        ("evil-internal.com", False),
    ],
)
def test_trusted_hosts(host, trusted):
    """P5: loopback, private ranges, single-label names, .local, .internal and .svc are trusted."""
    rules = ("loopback", "private", "single-label", ".local", ".internal", ".svc")
    assert outbound.is_trusted(host, rules) is trusted


@pytest.mark.parametrize(
    ("setting", "host", "trusted"),
    [
        ("10.1.0.0/16", "10.1.2.3:80", True),
        ("10.1.2.3/16", "10.1.9.9", True),
        ("10.1.0.0/16", "10.2.0.1", False),
        ("10.1.0.0/16", "orders", False),
        ("2001:db8::/32", "[2001:db8::7]:443", True),
        ("2001:db8::/32", "10.1.2.3", False),
        ("*.Shop.example", "orders.shop.example", True),
        ("*.shop.example", "shop.example", False),
        ("Orders.example", "orders.example:8080", True),
    ],
)
def test_trusted_hosts_as_people_write_them(setting, host, trusted):
    """P5: networks, suffixes with a star, capitals."""
    assert outbound.is_trusted(host, settings.load({"trusted_hosts": setting})[0].trusted_hosts) is trusted


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("orders.internal", {"traceparent", "tracestate", "baggage"}),
        ("10.1.2.3:80", {"traceparent", "tracestate"}),
        ("example.com", set()),
        (None, {"traceparent", "tracestate", "baggage"}),
    ],
)
def test_hosts_of_the_trace_are_settable(host, names):
    """P5: to whom the ids go is a setting of its own; a host that gets none of them gets no baggage either."""
    hosts = {"trace_hosts": (".internal", "private"), "trusted_hosts": (".internal", "example.com")}
    with Recorder(**hosts), hopline.span("root"):
        hopline.put("tenant", "a")
        assert set(hopline.inject({}, host)) == names


def test_declared_baggage_is_on_each_row():
    """P4: keys that the settings name are copied to each row, also to those of the next hop; uid has its field."""
    with Recorder(baggage_tags=("tenant", "plan")) as recorder:
        with hopline.span("root") as root:
            hopline.put("tenant", "acme")
            hopline.put("other", "x")
            hopline.set_uid("u-1")
            headers = hopline.inject({})
            with hopline.span("child", tags={"tenant": "of its own"}):
                pass
        hopline.server_send(hopline.server_recv("callee", headers))
        tags = {row.name: (row.tags, row.uid) for row in recorder.spans}
    assert tags == {
        "root": ({"tenant": "acme"}, "u-1"),
        "child": ({"tenant": "of its own"}, "u-1"),
        "callee": ({"tenant": "acme"}, "u-1"),
    }
    assert root.recording


@pytest.mark.parametrize(("size", "limit"), [(8_192, 8_192), (8_193, 1_024), (-1, 1_024)])
def test_most_that_baggage_may_be(size, limit):
    """P4: 8,192 bytes at most; a setting beyond that is refused and the default holds."""
    assert settings.load({"baggage_bytes": size}, {})[0].baggage_bytes == limit


def test_public_edge_refuses_inbound_context():
    """P5: a public edge starts a new trace and links to the one it refused."""
    with Recorder(accept_inbound=False) as recorder:
        row = hopline.server_recv("op", {"traceparent": VALID, "baggage": "uid=evil"})
        hopline.server_send(row)
        stored = recorder.one(name="op")
    assert stored.trace_id != TRACE
    assert stored.links == [(TRACE, PARENT, "client")]
    assert stored.uid == ""


def test_inbound_flag_can_be_ignored():
    """P5: the inbound sampled flag is followed by default and ignored by setting."""
    unsampled = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
    with Recorder(follow_inbound=False) as recorder:
        hopline.server_send(hopline.server_recv("op", unsampled))
        assert recorder.one(name="op").trace_id == TRACE
    with Recorder() as recorder:
        hopline.server_send(hopline.server_recv("op", unsampled))
        assert recorder.spans == []


@pytest.mark.parametrize(
    ("member", "weight", "mark"),
    [
        ("ot=th:0", 1_000, None),
        ("ot=th:8", 2_000, None),
        ("ot=rv:abcdefabcdefab;th:c", 4_000, None),
        ("ot=th:ffffffffffffff", 10_000_000, None),
        ("ot=th:xyz", 1_000, "unknown"),
        ("other=1", 1_000, "unknown"),
    ],
)
def test_weight_of_a_strangers_sample(recorder, member, weight, mark):
    """P5: the weight is read from OTel's ot=th:, else the row is marked "rate unknown"."""
    hopline.server_send(hopline.server_recv("op", {"traceparent": VALID, "tracestate": member}))
    row = recorder.one(name="op")
    assert (row.weight, row.tags.get("hopline.rate")) == (weight, mark)


@pytest.mark.parametrize(("sender", "weight", "mark"), [("10.1.2.3", 5_000, None), ("8.8.8.8", 1_000, "unknown")])
def test_weight_counts_only_from_trusted_senders(recorder, sender, weight, mark):
    """P5: the weight in hop counts only from trusted peers; a stranger's is marked "rate unknown"."""
    headers = {"traceparent": VALID, "tracestate": f"hop={PARENT};0.1;5000"}
    with tracing.active().receive("op", headers, sender=sender):
        pass
    row = recorder.one(name="op")
    assert (row.span_id, row.weight, row.tags.get("hopline.rate")) == ("0.1", weight, mark)


@pytest.mark.parametrize("flags", ["00", "01", "02", "03"])
def test_random_flag_goes_on_as_it_came(recorder, flags):
    """P3, N16: W3C trace-context level 2: the random flag is kept along the trace, beside the sampled flag."""
    onward = hop_to("op", {"traceparent": f"00-{TRACE}-{PARENT}-{flags}"})
    assert onward["traceparent"].endswith(f"-{flags}")
