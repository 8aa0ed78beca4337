"""The embedded store in trouble: no space, no space for temporary files, a second owner, a broken part, the end."""

import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hopline_collector.sources.journal import Journal
from hopline_collector.sources.source import Position, SourceError
from support.accounts import RECEIVED, assert_balanced, gauge
from support.hopline_process import Server
from support.killing import ROWS, Killable, Rig, post
from support.process import Children
from support.small_disk import SmallDisk
from support.waiting import wait_until
from support.wire_rows import wire_message, wire_row

Mount = Callable[[Path, int], SmallDisk]


def outlive_a_full_disk(rig: Rig, collector: Killable, disk: SmallDisk) -> None:
    """Fill the disk under load, wait until health says so, take posts meanwhile, free it, and have all stored."""
    running = rig.load(lambda body: post(collector, body))
    collector.wait_for_rows(10 * ROWS)
    disk.fill()
    wait_until(lambda: "space" in str(collector.troubles()), what="health that names the disk")
    before = len(running.acknowledged)
    wait_until(lambda: len(running.acknowledged) > before + 30, what="load while the disk is full")
    disk.free()
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    wait_until(lambda: not collector.troubles(), 20, what="health without troubles")
    assert collector.stop() == 0
    rig.check(Path(collector.settings["path"]), running.acknowledged)


@pytest.mark.parametrize("kept_free", [0, 8_000_000], ids=["to the last byte", "with a reserve"])
def test_a_full_disk_loses_and_doubles_nothing(rig: Rig, small_disk: Mount, tmp_path: Path, kept_free: int) -> None:
    """R1, C2: with the disk full nothing is torn or lost, health says why, and it goes on by itself."""
    disk = small_disk(tmp_path / "disk", 64)
    # With room for temporary files it is the engine that runs into the end of the disk.
    small_disk(disk.folder / "store" / "hopline-tmp", 8)
    collector = rig.collector(
        path=str(disk.folder / "store"), journal=str(tmp_path / "journal"), free_disk_bytes=kept_free
    )
    collector.start()
    outlive_a_full_disk(rig, collector, disk)


def test_a_full_disk_under_the_journal_refuses_posts(rig: Rig, small_disk: Mount, tmp_path: Path) -> None:
    """R1, C4: a post that cannot be made durable gets 503 and is to be sent again; what was accepted is stored."""
    disk = small_disk(tmp_path / "journal", 8)
    collector = rig.collector(path=str(tmp_path / "store"), journal=str(disk.folder))
    collector.start()
    refused: list[bool] = []

    def send(body: bytes) -> bool:
        accepted = post(collector, body)
        refused.append(not accepted)
        return accepted

    running = rig.load(send)
    collector.wait_for_rows(5 * ROWS)

    def filled_up() -> bool:
        # Again and again: the journal gives the room of its log back, and goes on in it.
        disk.fill()
        return sum(refused[-3:]) == 3

    wait_until(filled_up, what="posts refused")
    disk.free()
    count = len(running.acknowledged)
    wait_until(lambda: len(running.acknowledged) > count + 10, what="posts accepted again")
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    assert collector.gauge('hopline_http_requests_total{format="native",status="503"}') > 2
    assert collector.stop() == 0
    rig.check(tmp_path / "store", running.acknowledged)


def test_a_full_temporary_folder_loses_and_doubles_nothing(rig: Rig, small_disk: Mount, tmp_path: Path) -> None:
    """R1: each insert goes through a temporary file; without room for it nothing is stored, and nothing lost."""
    disk = small_disk(tmp_path / "store" / "hopline-tmp", 8)
    collector = rig.collector(path=str(tmp_path / "store"), journal=str(tmp_path / "journal"))
    collector.start()
    outlive_a_full_disk(rig, collector, disk)


def test_a_second_process_is_told_who_holds_the_data(
    hopline_up: Callable[..., Server], children: Children, tmp_path: Path
) -> None:
    """R1: `hopline up` on data that another process has open ends with 2 and names that process."""
    first = hopline_up("--data", str(tmp_path / "data"))
    second = children.python("-m", "hopline_deploy", "up", "--port", "0", "--data", str(tmp_path / "data"))
    assert second.wait(60.0) == 2
    assert f"already open by process {first.child.pid}" in second.output
    assert "Traceback" not in second.output
    assert httpx.get(f"{first.url}/health/ready", timeout=60).status_code == 200
    assert_stored(first.url, 3)
    assert first.child.stop() == 0


def assert_stored(url: str, rows: int, before: int = 0) -> None:
    """Post rows and find each accounted for, beside those of `before`, and no other."""
    now = time.time_ns() // 1000
    body = wire_message(*[wire_row(number + 1, start_us=now) for number in range(rows)])
    answer = httpx.post(
        f"{url}/api/v1/spans", content=body, headers={"content-type": "application/msgpack"}, timeout=60
    )
    assert answer.status_code == 202
    wait_until(lambda: gauge(url, RECEIVED) == before + rows, what=f"{rows} rows in the ledger")
    assert_balanced(url, before + rows)


def a_part_of(store: Path, table: str) -> Path:
    """The folder of a part that is in use: of those left from before a merge the engine does not care."""
    (definition,) = store.glob(f"store/*/*/{table}.sql")
    found = re.search(r"UUID '([0-9a-f-]+)'", definition.read_text())
    assert found is not None
    folders = (store / "store" / found[1][:3] / found[1]).iterdir()
    parts = [folder for folder in folders if re.fullmatch(r"\d+_\d+_\d+_\d+", folder.name)]
    # The name ends with how often it was merged.
    return max(parts, key=lambda part: int(part.name.rpartition("_")[2]))


def test_a_truncated_part_is_told_at_start(rig: Rig, tmp_path: Path) -> None:
    """R1: the engine sets a broken part aside in silence; log, health and metrics say that rows are missing."""
    store = tmp_path / "store"
    collector = rig.collector(path=str(store), journal=str(tmp_path / "journal"))
    collector.start()
    running = rig.load(lambda body: post(collector, body))
    collector.wait_for_rows(5 * ROWS)
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    assert collector.gauge("hopline_detached_parts") == 0
    assert collector.stop() == 0

    broken = a_part_of(store, "spans") / "data.bin"
    broken.write_bytes(broken.read_bytes()[:10])

    collector.start()
    wait_until(lambda: "detached_parts" in collector.troubles(), what="health that names the part")
    assert collector.gauge("hopline_detached_parts") == 1
    assert collector.process is not None
    assert "set aside as broken" in collector.process.output
    # The rest of the store is served and written to.
    assert httpx.get(f"{collector.url}/health/ready", timeout=60).status_code == 200
    assert_stored(collector.url, 3, before=len(running.acknowledged) * ROWS)
    assert collector.stop() == 0


def test_sigterm_in_the_middle_of_a_query(rig: Rig, tmp_path: Path) -> None:
    """R1, R6: a query that would run for long is ended, and the process with it: in under 10 s, with 0."""
    collector = rig.collector(path=str(tmp_path / "store"), journal=str(tmp_path / "journal"))
    collector.start()
    running = rig.load(lambda body: post(collector, body))
    collector.wait_for_rows(5 * ROWS)
    running.stop()

    def ask() -> None:
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{collector.url}/slow", timeout=60).raise_for_status()

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: httpx.get(f"{collector.url}/running", timeout=60).json() == 1, what="the query")
    assert collector.stop(10.0) == 0
    thread.join()
    rig.check(tmp_path / "store", running.acknowledged)


def test_sigterm_beside_a_post_that_never_ends(hopline_up: Callable[..., Server], tmp_path: Path) -> None:
    """R6: a sender that is slow on purpose does not hold up the end (under 10 s, with 0), and leaves nothing."""
    server = hopline_up("--data", str(tmp_path / "data"))
    assert_stored(server.url, 3)
    head = "POST /api/v1/spans HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    head += "content-length: 1000\r\n\r\n["
    with socket.create_connection((httpx.URL(server.url).host, httpx.URL(server.url).port or 0)) as sender:
        sender.sendall(head.encode())
        # Answered on another connection: by then the half post has been read.
        server.get("services")
        assert server.child.stop(8.0) == 0
    again = hopline_up("--data", str(tmp_path / "data"))
    assert_stored(again.url, 2, before=3)
    assert again.child.stop() == 0


def test_a_journal_that_filled_its_disk_goes_on_once_there_is_room(small_disk: Mount, tmp_path: Path) -> None:
    """R1: its own log of changes took the room; only a commit would have given that back, and none succeeded."""
    disk = small_disk(tmp_path / "journal", 8)
    journal = Journal(disk.folder / "journal.sqlite")
    try:
        for turn in range(3):
            disk.fill()
            for _ in range(20):
                taken(journal, b"x" * 200_000)
            disk.free()
            accepted = [taken(journal, b"x" * 20_000) for _ in range(300)]
            assert all(accepted), f"turn {turn}: {accepted.count(False)} of 300 refused"
    finally:
        journal.close()


def taken(journal: Journal, body: bytes) -> bool:
    """Append and hand over at once; whether that was possible."""
    try:
        journal.append([("native", body)])
        journal.commit(journal.key, Position(journal.position_of_end(), ""))
    except SourceError:
        return False
    return True
