"""Celery with a worker on a memory broker, and prefork workers of their own."""

import pytest
from celery import Celery, signals
from kombu.exceptions import OperationalError

import hopline
from support.celery_worker import celery_worker
from support.waiting import wait_until


@pytest.fixture(scope="module")
def app():
    """An application with tasks of every kind."""
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(worker_hijack_root_logger=False, task_default_queue="orders")

    @app.task(name="pay", shared=False)
    def pay(number):
        hopline.set_uid("u-7")
        with hopline.span("book"):
            return number

    @app.task(name="broken", shared=False)
    def broken():
        raise ZeroDivisionError("no stock")

    @app.task(name="flaky", shared=False, bind=True, max_retries=2)
    def flaky(self):
        if self.request.retries < 2:
            raise self.retry(exc=ValueError("again"), countdown=0)

    @app.task(name="chain", shared=False)
    def chained():
        pay.delay(1)

    return app


@pytest.fixture(scope="module")
def worker(app):
    """A worker in a thread for all tests: ending one takes four seconds."""
    with celery_worker(app, shutdown_timeout=60):
        yield


@pytest.fixture(autouse=True)
def _hook(install):
    install("celery")


def rows(recorder, count):
    """All rows once there are `count` of them."""
    wait_until(lambda: len(recorder.spans) >= count, what=f"{count} rows")
    return recorder.spans


def test_task_is_a_producer_and_a_consumer_row(recorder, app, worker):
    """I4: sending is a producer row whose path the consumer row takes; both name the queue."""
    with hopline.span("work"):
        app.tasks["pay"].delay(7)
    rows(recorder, 4)
    assert recorder.tree().splitlines() == [
        "0 local shop work",
        "  0.1 producer shop send pay",
        "  0.1 consumer shop process pay",
        "    0.1.1 local shop book",
    ]
    producer, consumer = recorder.one(kind="producer"), recorder.one(kind="consumer")
    assert consumer.parent_id == producer.id
    assert (producer.peer, producer.peer_kind) == (consumer.peer, consumer.peer_kind) == ("orders", "mq")
    assert (consumer.uid, consumer.tags["messaging.system"]) == ("u-7", "celery")


def test_failed_task(recorder, app, worker):
    """I4: what a task raises fails its row."""
    with hopline.span("work"):
        app.tasks["broken"].delay()
    rows(recorder, 3)
    assert recorder.one(kind="consumer").error_type == "ZeroDivisionError"
    assert not recorder.one(kind="producer").error


def test_retries_are_runs_with_their_number(recorder, app, worker):
    """I4: each run has its attempt; one that asks for another try has failed."""
    with hopline.span("work"):
        app.tasks["flaky"].delay()
    found = [row for row in rows(recorder, 7) if row.kind == "consumer"]
    assert [(row.attempt, row.error_type) for row in found] == [(0, "ValueError"), (1, "ValueError"), (2, "")]
    assert [row.span_id for row in found] == ["0.1", "0.1.1", "0.1.1.1"]


def test_tasks_that_send_tasks(recorder, app, worker):
    """M2: a task sent by a task is below its run."""
    app.tasks["chain"].delay()
    rows(recorder, 5)
    assert recorder.one(name="send pay").span_id == "0.1"
    assert recorder.one(name="process pay").span_id == "0.1"
    assert len({row.trace_id for row in recorder.spans}) == 1


def test_eager_tasks_run_in_place(recorder, app):
    """I4: a task that is called eagerly is local work, not a message."""
    with hopline.span("work"):
        app.tasks["pay"].apply([7])
    assert recorder.tree().splitlines() == [
        "0 local shop work",
        "  0.1 local shop run pay",
        "    0.1.1 local shop book",
    ]


def test_broker_that_is_away(recorder, closed_port):
    """I10: the application gets Celery's own error, and the producer row has failed."""
    app = Celery("shop", broker=f"amqp://127.0.0.1:{closed_port}", set_as_current=False)
    app.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
    with hopline.span("work"), pytest.raises(OperationalError):
        app.send_task("pay", retry=False)
    assert recorder.one(kind="producer").error_type == "OperationalError"


def test_uninstall_restores_the_original():
    """I4: uninstall brings the original back and disconnects."""
    hopline.install("celery")
    patched, connected = Celery.send_task, len(signals.task_prerun.receivers)
    hopline.uninstall("celery")
    assert Celery.send_task is patched.__wrapped__
    assert len(signals.task_prerun.receivers) == connected - 1
