"""The journal: durable when `append` returns, one offset per entry, batch ids."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hopline_collector.sources.journal import BATCH_SECONDS, Batch, Journal, JournalFullError
from hopline_collector.sources.source import Arrived, Position, SourceError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


def arrived(journal: Journal) -> list[bytes]:
    return [m.body for event in journal.poll(0.0) if isinstance(event, Arrived) for m in event.messages]


def test_entries_come_in_order_from_the_committed_offset(journal: Journal, path: Path) -> None:
    """C1: after a restart reading begins where the last commit stood."""
    journal.append([("native", b"a"), ("native", b"b")])
    journal.append([("native", b"c")])
    journal.poll(0.0)
    assert arrived(journal) == [b"a", b"b", b"c"]
    journal.commit(journal.key, Position(3, "text"))
    journal.close()
    again = Journal(path)
    (assigned,) = again.poll(0.0)
    assert assigned.position == Position(3, "text")
    assert (assigned.key, again.ends()[again.key]) == (journal.key, 4)
    assert arrived(again) == [b"c"]
    again.close()


def test_offsets_never_repeat_after_everything_was_deleted(journal: Journal, path: Path) -> None:
    """C1: an offset is part of a token, so it must not come again."""
    journal.append([("native", b"a")])
    journal.commit(journal.key, Position(2, ""))
    journal.close()
    again = Journal(path)
    again.poll(0.0)
    again.append([("native", b"b")])
    (event,) = again.poll(0.0)
    assert isinstance(event, Arrived)
    assert event.messages[0].offset == 2
    again.close()


def test_the_journal_is_bounded_in_bytes(path: Path) -> None:
    """C2: what waits is bounded; room comes back with each commit."""
    journal = Journal(path, max_bytes=10)
    journal.append([("native", b"12345678")])
    with pytest.raises(JournalFullError):
        journal.append([("native", b"123")])
    journal.commit(journal.key, Position(2, ""))
    assert journal.waiting_bytes == 0
    journal.append([("native", b"123")])
    journal.close()


def test_a_batch_id_is_known_for_an_hour(journal: Journal) -> None:
    """C4: the id is stored with the entry, and forgotten after an hour."""
    journal.append([("native", b"a")], Batch("b1", b"{}", 1_000))
    assert journal.answer_of("b1", 1_000 + BATCH_SECONDS - 1) == b"{}"
    assert journal.answer_of("b1", 1_000 + BATCH_SECONDS) is None
    assert journal.answer_of("b2", 1_000) is None


def test_copies_of_a_batch_at_the_same_moment_are_stored_once(journal: Journal) -> None:
    """C4: the id is looked up in the transaction that stores the rows."""
    batch = Batch("b-1", b"answer", 1_000_000)
    threads = [threading.Thread(target=journal.append, args=([("native", b"a")], batch)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.poll(0.0)
    assert arrived(journal) == [b"a"]
    assert journal.waiting_bytes == 1


def test_many_threads_append_and_nothing_is_lost(journal: Journal) -> None:
    """C4: appends of many threads are grouped, each returns when it is durable."""

    def post(number: int) -> None:
        for at in range(20):
            journal.append([("native", f"{number}-{at}".encode())])

    threads = [threading.Thread(target=post, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.poll(0.0)
    assert sorted(arrived(journal)) == sorted(f"{n}-{at}".encode() for n in range(8) for at in range(20))


def test_one_bad_append_does_not_harm_its_group(journal: Journal) -> None:
    """C4: jobs of one transaction fail alone."""
    with pytest.raises(SourceError):
        journal.append([(None, b"a")])  # type: ignore[list-item]
    journal.append([("native", b"b")])
    journal.poll(0.0)
    assert arrived(journal) == [b"b"]


def test_a_closed_journal_refuses(journal: Journal) -> None:
    """C4: after closing nothing is acknowledged."""
    journal.close()
    with pytest.raises(SourceError):
        journal.append([("native", b"a")])


WRITE_FOR_EVER = """
import sys, pathlib
from hopline_collector.sources.journal import Journal
journal = Journal(pathlib.Path(sys.argv[1]))
number = 0
while True:
    journal.append([("native", str(number).encode())])
    print(number, flush=True)
    number += 1
"""


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    """C4: every append that returned is there after the process was killed."""
    process = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    process.wait()
    process.stdout.close()
    found = [int(row[0]) for row in sqlite3.connect(path).execute("SELECT body FROM entries ORDER BY offset")]
    assert found[: len(told)] == told
    assert len(found) - len(told) in {0, 1}
