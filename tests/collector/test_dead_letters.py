"""Dead letters: listed, shown and handed in again, once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hopline_collector.block import dead_letters
from hopline_collector.block.core import Message, build_block
from hopline_collector.door.dead_letters_api import create_router
from hopline_collector.door.intake import IntakeAwayError, JournalIntake
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Plan
from hopline_collector.sources.journal import Journal
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter
from support.wire_rows import NOW, wire_message, wire_row

NOT_DECODED = b"\xc1 nothing"
BAD_ROW = wire_message(wire_row(1), wire_row(2, kind=77))


@pytest.fixture
def letters(engine: ClickHouse) -> list[dead_letters.Letter]:
    """Three letters: a message, a row, and a message of a format nobody knows."""
    messages = [Message(5, "native", NOT_DECODED), Message(6, "native", BAD_ROW), Message(7, "soap", b"<x/>")]
    block = build_block(messages, Plan(5, 8, NOW))
    ClickHouseWriter(engine).account(LedgerEntry("kafka", "hopline.spans", 1, 5, 8, NOW, block.counts), block, "t")
    return dead_letters.list_letters(engine)


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    found = Journal(tmp_path / "journal.sqlite")
    yield found
    found.close()


def arrived(journal: Journal) -> list[Message]:
    events = journal.poll(0) + journal.poll(0)
    return [message for event in events for message in getattr(event, "messages", ())]


def test_letters_are_listed_newest_first_with_their_reason(engine: ClickHouse, letters: Any) -> None:
    """C3: where each came from and why it could not be taken."""
    assert [letter.id for letter in letters] == [
        "kafka:hopline.spans:1:7:-1",
        "kafka:hopline.spans:1:6:1",
        "kafka:hopline.spans:1:5:-1",
    ]
    assert [letter.reason for letter in letters] == ["unknown_format", "bad_kind", "malformed"]
    assert dead_letters.reasons(engine) == {"bad_kind": 1, "malformed": 1, "unknown_format": 1}
    assert [letter.offset for letter in dead_letters.list_letters(engine, reason="malformed")] == [5]
    assert dead_letters.list_letters(engine, before_us=NOW) == []
    assert len(dead_letters.list_letters(engine, limit=2)) == 2


def test_a_letter_is_shown_with_its_bytes(engine: ClickHouse, letters: Any) -> None:
    """C3: the raw bytes are kept as they came."""
    letter, raw = dead_letters.show(engine, letters[2].id)
    assert (letter, raw) == (letters[2], NOT_DECODED)
    assert letter.bytes == len(NOT_DECODED)


@pytest.mark.parametrize("name", ["", "x", "a:b:c:d:e", "kafka:hopline.spans:1:99:-1", "kafka:t:-1:5:-1"])
def test_a_name_that_is_none_is_unknown(engine: ClickHouse, letters: Any, name: str) -> None:
    """C3: no letter, no answer."""
    with pytest.raises(dead_letters.UnknownLetterError):
        dead_letters.show(engine, name)


def test_a_replay_hands_each_letter_in_once(engine: ClickHouse, letters: Any, journal: Journal) -> None:
    """C3: the bytes arrive again under their format; a second replay leaves them alone."""
    names = [letter.id for letter in letters] + ["kafka:x:0:1:0"]
    done = dead_letters.replay(engine, JournalIntake(journal), names, NOW)
    assert done.replayed == 2
    assert done.skipped == {
        "kafka:hopline.spans:1:7:-1": "nothing decodes format 'soap'",
        "kafka:x:0:1:0": "there is no such letter",
    }
    messages = arrived(journal)
    assert NOT_DECODED in {message.body for message in messages}
    again = build_block(messages, Plan(0, 9, NOW))
    assert sorted(letter.reason for letter in again.dead) == ["bad_kind", "malformed"]
    assert dead_letters.replay(engine, JournalIntake(journal), names[:3], NOW).replayed == 0
    assert arrived(journal) == []
    assert [letter.format for letter in dead_letters.list_letters(engine)] == ["soap"]
    assert len(dead_letters.list_letters(engine, replayed=True)) == 3


def test_logs_with_the_same_topic_and_offset_have_letters_of_their_own(engine: ClickHouse, journal: Journal) -> None:
    """K2, C3: two clusters, or a topic made anew: each letter is found by its name and handed in once."""
    bodies = {"": b"\xc1 old", "cluster/one": b"\xc1 one", "cluster/two": b"\xc1 two"}
    for log, body in bodies.items():
        plan = Plan(5, 6, NOW, log=log)
        block = build_block([Message(5, "native", body)], plan)
        entry = LedgerEntry("kafka", "spans", 1, 5, 6, NOW, block.counts, log=log)
        ClickHouseWriter(engine).account(entry, block, plan.token("kafka", "spans", 1))
    found = {letter.log: letter.id for letter in dead_letters.list_letters(engine)}
    assert found[""] == "kafka:spans:1:5:-1"
    assert len(set(found.values())) == 3
    assert not any("/" in name for name in found.values())
    assert {log: dead_letters.show(engine, name)[1] for log, name in found.items()} == bodies
    with pytest.raises(dead_letters.UnknownLetterError):
        dead_letters.show(engine, "kafka:spans:1:5:-1:00000000")
    one = [found["cluster/one"]]
    assert [dead_letters.replay(engine, JournalIntake(journal), one, NOW).replayed for _ in range(2)] == [1, 0]
    assert [message.body for message in arrived(journal)] == [bodies["cluster/one"]]
    assert {letter.log for letter in dead_letters.list_letters(engine)} == {"", "cluster/two"}
    assert dead_letters.replay(engine, JournalIntake(journal), list(found.values()), NOW).replayed == 2


def test_a_replay_that_died_half_way_does_not_hand_in_twice(
    engine: ClickHouse, letters: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C3: a death between storing and noting is harmless."""

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dead_letters, "_note", die)
        with pytest.raises(KeyboardInterrupt):
            dead_letters.replay(engine, JournalIntake(journal), [letters[2].id], NOW)
    assert dead_letters.replay(engine, JournalIntake(journal), [letters[2].id], NOW + 1).replayed == 1
    assert len(arrived(journal)) == 1


def test_letters_over_http(engine: ClickHouse, letters: Any, journal: Journal) -> None:
    """C3: list, show and replay in every mode go through the running process."""
    app = FastAPI()
    app.include_router(create_router(engine, JournalIntake(journal), clock=lambda: NOW))

    def ask(method: str, path: str, **how: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://c") as client:
                return await client.request(method, path, **how)

        return asyncio.run(once())

    listed = ask("GET", "/api/v1/dead", params={"limit": 1}).json()
    assert listed["letters"][0]["reason"] == "unknown_format"
    assert listed["reasons"]["malformed"] == 1
    shown = ask("GET", f"/api/v1/dead/{letters[0].id}").json()
    assert (shown["text"], shown["raw"]) == ("<x/>", "PHgvPg==")
    assert ask("GET", "/api/v1/dead/none").status_code == 404
    assert ask("GET", "/api/v1/dead", params={"limit": 0}).status_code == 422
    answer = ask("POST", "/api/v1/dead/replay", json={"reason": "malformed"})
    assert answer.json() == {"replayed": 1, "skipped": {}}
    assert len(arrived(journal)) == 1


def test_what_asks_for_a_replay_is_bounded(engine: ClickHouse, journal: Journal) -> None:
    """R3, R5: a body is read up to a bound, and what it held is not repeated."""
    app = FastAPI()
    app.include_router(create_router(engine, JournalIntake(journal), clock=lambda: NOW))

    async def post(body: bytes) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://c") as client:
            return await client.post("/api/v1/dead/replay", content=body)

    large = asyncio.run(post(b'{"reason": "' + b"x" * 1_000_000 + b'"}'))
    assert large.status_code == 413
    assert len(large.content) < 1_000
    for body in (b"", b"{", b'{"ids": "secret"}', b'{"ids": [1]}', b"\xff", b'{"ids": [' + b'"",' * 1_000 + b'""]}'):
        refused = asyncio.run(post(body))
        assert refused.status_code == 422, body
        assert refused.json()["error"]["field"] == "ids"
        assert b"secret" not in refused.content


def test_pressure_on_a_replay_is_told(engine: ClickHouse, letters: Any) -> None:
    """C4: 503 with Retry-After while nothing can be stored."""

    class Away:
        def accept(self, *_: Any) -> None:
            raise IntakeAwayError("the broker is away")

        def answer_of(self, *_: Any) -> None:
            return None

    app = FastAPI()
    app.include_router(create_router(engine, Away(), clock=lambda: NOW))

    async def once() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://c") as client:
            return await client.post("/api/v1/dead/replay", json={"ids": [letters[2].id]})

    answer = asyncio.run(once())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
