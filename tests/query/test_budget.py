"""A question ends with whoever asked it, and with its time."""

import threading

import pytest

from hopline_query.budget import CURRENT, Budget, left, too_long
from hopline_query.errors import QueryTimeoutError
from hopline_query.store.asking import Asker
from support.waiting import wait_until

ENDLESS = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)"
RUNNING = "SELECT count() FROM system.processes WHERE query LIKE '%cityHash64%' AND query NOT LIKE '%processes%'"


def test_a_request_that_ends_ends_its_statement(any_store):
    """Q6: the running statement is ended in the store, later ones are refused, other requests go on."""
    asker, budget = Asker(any_store), Budget()
    raised = []

    def ask():
        CURRENT.set(budget)
        for _ in range(2):
            try:
                asker.rows(ENDLESS)
            except QueryTimeoutError as error:
                raised.append(error.message)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: asker.rows(RUNNING)[0][0] > 0)
    budget.end(left())
    thread.join(60)
    assert raised == [left().message] * 2  # and not that its time is over
    wait_until(lambda: asker.rows(RUNNING)[0][0] == 0)
    assert asker.rows("SELECT 42") == [(42,)]


def test_a_statement_on_its_way_is_looked_for_again():
    """Q6: a statement that the engine had not begun yet is ended as soon as it has."""
    budget, begun, ended = Budget(), threading.Event(), threading.Event()
    tries = []

    def cancel(name):
        tries.append(name)
        if len(tries) == 3:
            ended.set()
            thread.join(60)

    def ask():
        with budget.statement(cancel):
            begun.set()
            ended.wait(60)

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(60)
    budget.end(too_long())
    assert len(tries) == 3
    with pytest.raises(QueryTimeoutError, match="too long"):
        budget.check()
