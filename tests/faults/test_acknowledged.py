"""kill -9 right after the last answer: what was acknowledged is there after the restart."""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.killing import ROWS, Rig, post
from support.wire_rows import random_row, wire_message

KILLS = 20 if os.environ.get("HOPLINE_TEST_FULL") else 3
POSTS = 40
"""Before each kill, on four connections at once."""


def test_a_kill_right_after_the_last_answer_loses_nothing(rig: Rig, tmp_path: Path) -> None:
    """C4, R1: every post that was answered with 202 before SIGKILL is stored, once, and no other row is."""
    collector = rig.collector(path=str(tmp_path / "store"), journal=str(tmp_path / "journal"))
    source = random.Random(11)
    acknowledged: list[bytes] = []
    for _ in range(KILLS):
        collector.start()
        now = time.time_ns() // 1000
        bodies = [wire_message(*[random_row(source, now=now) for _ in range(ROWS)]) for _ in range(POSTS)]
        with ThreadPoolExecutor(4) as senders:
            answers = list(senders.map(lambda body: post(collector, body), bodies))
        collector.kill9()
        assert all(answers)
        acknowledged += bodies
    assert len(acknowledged) == KILLS * POSTS
    collector.start()
    collector.wait_for_rows(len(acknowledged) * ROWS)
    collector.balanced(received=len(acknowledged) * ROWS)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", acknowledged)
