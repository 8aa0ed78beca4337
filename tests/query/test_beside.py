"""Two questions at once: side by side where a thread is free, one after the other where none is."""

import threading

import pytest

from hopline_query.budget import CURRENT, Budget
from hopline_query.store import beside as threads
from hopline_query.store.beside import THREADS, beside


@pytest.fixture(autouse=True)
def all_free():
    """No question of an earlier test is still asked."""
    for _ in range(THREADS):
        assert threads._free.acquire(timeout=60)
    threads._free.release(THREADS)


def test_it_is_asked_at_once_in_a_thread_of_its_own():
    """Q1: the question runs before anybody waits for its answer, and its error comes to whoever waits."""
    begun = threading.Event()

    def ask():
        begun.set()
        return threading.current_thread()

    answer = beside(ask)
    assert begun.wait(60)
    assert answer() is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        beside(lambda: 1 // 0)()


def test_it_is_asked_later_where_no_thread_is_free():
    """Q1: many readers at once never wait for a thread."""
    go_on, busy = threading.Event(), []
    try:
        busy = [beside(lambda: go_on.wait(60)) for _ in range(THREADS)]
        answer = beside(threading.current_thread)
        assert answer() is threading.current_thread()
    finally:
        go_on.set()
    assert all(answer() for answer in busy)


def test_it_belongs_to_the_same_request():
    """Q1: what ends the request ends the question beside it too."""
    token = CURRENT.set(Budget())
    try:
        assert beside(CURRENT.get)() is CURRENT.get()
    finally:
        CURRENT.reset(token)
