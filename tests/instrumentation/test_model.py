from dataclasses import fields

import hopline
from hopline import model, rows
from hopline.ids import trace_bucket, within_limits
from hopline.model import FIELDS, Row, flags_from_json, flags_to_json, path_key


def test_the_field_list_exists_once(recorder):
    """M1: the JSON object, and the names that hold for a process, are fields of the model and nothing else."""
    assert tuple(f.name for f in fields(Row)) == FIELDS
    assert set(model.PROCESS_FIELDS) < set(FIELDS)
    with hopline.span("op", kind="client", peer="p", peer_kind="db", tags={"a": 1}) as span:
        span.annotate("note")
        span.attr("url.full", "x")
        span.link("a" * 32, "b" * 16, "client")
        span.fail("E", "text")
        span.set_attempt(1)
        span.set_uid("u")
    assert set(rows.to_json(span)) <= set(FIELDS)


def test_paths_sort_by_number():
    """M6: 0.2 comes before 0.10; fragments and foreign text have a place."""
    paths = ["~", "0.10", "0.2.1", "0", "~.2", "0.2", "odd", "0.x"]
    assert sorted(paths, key=path_key) == ["odd", "0", "0.x", "0.2", "0.2.1", "0.10", "~", "~.2"]


def test_flags_as_json():
    """M: flags are an object of booleans in JSON; unknown names are ignored."""
    assert flags_to_json(5) == {"sampled": True, "debug": False, "load_test": True}
    assert flags_from_json({"sampled": True, "load_test": 1, "new": True}) == 5


def test_bucket_is_the_documented_one():
    """S2: the bucket is the CRC-32 of the 16 bytes of the trace id, so every sender agrees."""
    assert trace_bucket(bytes.fromhex("6921c0de0123456789abcdef01234567")) == 0xBE7C3AE9


def test_limits_of_a_path():
    """M7: 80 components and 160 characters are within the limits, one more of either is not."""
    assert within_limits("0" + ".1" * 79)
    assert not within_limits("0" + ".1" * 80)
    assert within_limits("0." + "1" * 158)
    assert not within_limits("0." + "1" * 159)


def test_a_repeated_path_is_two_rows(recorder):
    """M5: two consumers of one message repeat a path; their ids tell them apart, and both join by parent_id."""
    with hopline.span("order"):
        message: dict[str, str] = {}
        hopline.client_recv(hopline.client_send("send", message, kind="producer", peer="orders", peer_kind="mq"))
    for _ in range(2):
        with_row = hopline.server_recv("process", message, kind="consumer", peer="orders", peer_kind="mq")
        with hopline.span("handle"):
            pass
        hopline.server_send(with_row)
    consumers = [row for row in recorder.spans if row.kind == "consumer"]
    handled = [row for row in recorder.spans if row.name == "handle"]
    assert [row.span_id for row in consumers] == ["0.1", "0.1"]
    assert len({row.id for row in consumers}) == 2
    assert {row.parent_id for row in consumers} == {recorder.one(kind="producer").id}
    assert [row.parent_id for row in handled] == [row.id for row in consumers]
