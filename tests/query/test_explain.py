"""What the engine reads for a question: bounded, by its indexes."""

import json
import re
from string import Template

import pytest

from hopline.model import FIELDS
from hopline_query.store.archived import archived_rows
from hopline_query.store.asking import statement
from support.stores import store_of

START = 1_763_800_000_000_000
HOUR = 3_600_000_000
DAY = 24 * HOUR
TRACE = "6921c0de0123456789abcdef01234567"


@pytest.fixture(scope="module")
def shared_engine(request):
    """The embedded engine: what a shard reads of its own tables is not told by the plan of a cluster."""
    with store_of("embedded", request) as store:
        yield store


@pytest.fixture(scope="module")
def explain(shared_engine, store_shared, row):
    """Rows of three days, eight hours apart; answers parts and granules that a statement selects."""
    rows = [
        row(
            "0",
            f"{n:x}",
            None,
            "server",
            trace_id=f"{n:032x}",
            start_us=START + n * HOUR // 16,
            uid=f"u{n}",
            tags={"k": str(n)},
        )
        for n in range(1, 1_200)
    ]
    store_shared([*rows, row("0", "a", None, "server", uid="me", tags={"k": "needle"})])

    def ask(text, **parameters):
        with shared_engine.reader() as handle:
            filled = Template(text).safe_substitute(database=shared_engine.database)
            found = handle.query(f"EXPLAIN json = 1, indexes = 1 {filled}", parameters=parameters)
        plan = json.loads("\n".join(readable(line[0]) for line in found.result_rows))
        return list(indexes(plan))

    return ask


def readable(text):
    """The driver answers in hex what is no UTF-8, such as a plan with the bytes of a trace id in it."""
    return text if text.lstrip().startswith("[") else bytes.fromhex(text).decode("latin-1")


def indexes(part):
    """Every index entry of a plan."""
    if isinstance(part, dict):
        yield from part.get("Indexes", [])
        for child in part.values():
            yield from indexes(child)
    elif isinstance(part, list):
        for child in part:
            yield from indexes(child)


def by_type(found, kind):
    return next(entry for entry in found if entry["Type"] == kind)


def test_a_trace_reads_its_own_granules(explain):
    """W1: a look-up by id goes through the partitions of its days and the primary key."""
    found = explain(statement("trace_rows"), ids=[TRACE], low=START, high=START + HOUR, limit=10)
    assert by_type(found, "Min-Max")["Selected Parts"] == 1
    assert by_type(found, "Min-Max")["Initial Parts"] > 3
    key = by_type(found, "PrimaryKey")
    assert {"trace_id"} <= set(key["Keys"])
    assert key["Selected Granules"] == 1


def test_the_hint_reads_a_trace_of_its_time(explain):
    """W1: the bounds of a trace come by the primary key, and an id that tells its time rules the other days out."""
    found = explain(statement("trace_bounds"), trace_id=TRACE)
    key = by_type(found, "PrimaryKey")
    assert key["Keys"] == ["trace_id"]
    assert key["Selected Granules"] <= 1 < key["Initial Parts"]


def test_the_archive_is_read_by_its_key(explain, shared_engine):
    """W1, C7: what pinned traces cost is a look-up of one granule, however many are kept, and no day bounds it."""
    with shared_engine.writer() as handle:
        made = "SELECT toFixedString(unhex(leftPad(hex(number), 32, '0')), 16), number FROM numbers(30000)"
        handle.command(f"INSERT INTO {shared_engine.database}.archive (trace_id, start_us) {made}")
    one = f"{20_000:032x}"
    bounds = explain(statement("trace_bounds"), trace_id=one)
    for found in (bounds, explain(archived_rows(), ids=[one], limit=10)):
        key = next(entry for entry in reversed(found) if entry["Type"] == "PrimaryKey")
        assert key["Keys"] == ["trace_id"]
        assert key["Selected Granules"] == 1 < key["Initial Granules"]


def test_a_tag_goes_through_its_index(explain):
    """W1: a search by tag uses the text index."""
    within = "start_us BETWEEN {low:UInt64} AND {high:UInt64}"
    text = f"SELECT trace_id FROM $database.spans WHERE {within} AND has(kv, {{pair:String}})"
    found = explain(text, low=START, high=START + DAY, pair="k=needle")
    skip = by_type(found, "Skip")
    assert skip["Name"] == "kv_text"
    assert skip["Selected Granules"] < skip["Initial Granules"]


def test_what_stands_behind_an_address_goes_through_the_index(explain):
    """W1, D1: calls to a few hosts are read, not all calls of the range."""
    wanted = "has(kv, {a:String}) OR has(kv, {b:String})"
    text = Template(statement("addresses")).safe_substitute(hosts=wanted)
    found = explain(text, low=START, high=START + DAY, a="k=needle", b="server.address=nowhere")
    skip = by_type(found, "Skip")
    assert skip["Name"] == "kv_text"
    assert skip["Selected Granules"] < skip["Initial Granules"]


def test_a_user_goes_through_the_key(explain):
    """W1: a user's traces come by the primary key, at any retention."""
    text = "SELECT trace_id FROM $database.traces_by_uid WHERE uid = {uid:String} AND start_us < {high:UInt64}"
    found = explain(text, uid="me", high=START + 9 * DAY)
    assert by_type(found, "PrimaryKey")["Keys"][0] == "uid"
    assert by_type(found, "PrimaryKey")["Selected Granules"] < by_type(found, "PrimaryKey")["Initial Granules"]


def test_columns_stand_in_the_models_order():
    """M1: the statement that reads rows names the fields in the order of the model."""
    text = statement("trace_rows")
    places = [re.search(rf"\b{name}\b", text[text.index("SELECT") :]).start() for name in FIELDS]
    assert places == sorted(places)
