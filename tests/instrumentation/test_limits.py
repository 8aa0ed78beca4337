import hopline
from hopline.testing import Recorder


def total_text(row) -> int:
    pairs = [*row.tags.items(), *row.attrs.items()]
    return sum(len(k) + len(v) for k, v in pairs) + sum(len(k) + len(v) for _, k, v in row.annotations)


def test_long_values_are_cut_and_marked(recorder):
    """I8: a value over its limit is cut, marked on the row and counted."""
    with hopline.span("n" * 10_000) as row:
        row.tag("big", "x" * 1_000_000)
        row.tag("k" * 500, "v")
        row.attr("url.full", "y" * 100_000)
        row.set_uid("u" * 5_000)
    stored = recorder.spans[0]
    assert len(stored.name) == 512
    assert len(stored.tags["big"]) == 2_048
    assert len(stored.attrs["url.full"]) == 8_192
    assert "k" * 128 in stored.tags
    assert len(stored.uid) == 256
    assert stored.tags["hopline.cut"] == "4"
    assert recorder.counters()["events"]["cut_values"] == 4


def test_row_stays_under_its_byte_cap(recorder):
    """I8: 16 KiB a row by default, whatever is set."""
    with hopline.span("row") as row:
        for n in range(60):
            row.tag(f"tag {n}", "x" * 2_000)
            row.annotate("note", "y" * 2_000)
        row.fail("Error", "z" * 100_000)
    stored = recorder.one(name="row")
    assert total_text(stored) + len(stored.error_text) <= 16_384 + 64
    assert (stored.error, stored.error_type) == (True, "Error")
    assert int(stored.tags["hopline.cut"]) > 60


def test_annotations_never_displace_structure(recorder):
    """I8: 128 annotations and 64 tags; more are left out, marked and counted; ids, times and error stay."""
    with hopline.span("row") as row:
        for n in range(1_000):
            row.annotate("note", n)
            row.tag(f"tag {n}", n)
            row.link("a" * 32, "b" * 16, "client")
        row.fail("Error", "text")
    stored = recorder.one(name="row")
    assert len(stored.annotations) == 128
    assert len(stored.tags) == 65
    assert len(stored.links) == 128
    assert stored.tags["hopline.cut"] == str(872 + 936 + 872)
    assert (stored.error_type, stored.error_text, stored.span_id) == ("Error", "text", "0")


def test_secrets_are_masked(recorder):
    """I8: the deny list masks by default, in tags, attrs and annotations, however the key is written."""
    with hopline.span("row") as row:
        for key in ("Authorization", "set-cookie", "db.password", "apiKey", "API_KEY", "x-api-key", "card_number"):
            row.tag(key, "hush")
        row.attr("session.token", "hush")
        row.annotate("client_secret", "hush")
        row.tag("tier", "gold")
    stored = recorder.one(name="row")
    assert {value for key, value in stored.tags.items() if key != "tier"} == {"***"}
    assert stored.attrs == {"session.token": "***"}
    assert stored.annotations[0][2] == "***"
    assert stored.tags["tier"] == "gold"


def test_masked_words_are_a_setting():
    """I8: the deny list is a setting."""
    with Recorder(mask="iban") as recorder:
        with hopline.span("row") as row:
            row.tag("IBAN", "x")
            row.tag("token", "y")
        assert recorder.one(name="row").tags == {"IBAN": "***", "token": "y"}


def test_keys_of_high_entropy_leave_the_index(recorder):
    """M: keys of the settings list become attrs, which no index holds."""
    with hopline.span("row") as row:
        row.tag("url.full", "http://x/")
        row.tag("tier", "gold")
    stored = recorder.one(name="row")
    assert (stored.tags, stored.attrs) == ({"tier": "gold"}, {"url.full": "http://x/"})


def test_the_same_key_is_judged_alike_every_time(recorder):
    """I8: a row that passes unchanged once does not spare the next one with the same keys from its size."""
    for value in ("short", "x" * 5_000):
        with hopline.span("row") as row:
            row.tag("tier", value)
    assert [len(row.tags["tier"]) for row in recorder.spans] == [5, 2_048]
