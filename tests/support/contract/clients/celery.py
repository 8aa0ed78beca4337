"""Celery's sending side, over a broker in memory."""

from collections.abc import Callable
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from support.contract.client import Calls, Subject


def use(_env: Callable[[str], Any]) -> Calls:
    app = Celery("contract", broker="memory://", set_as_current=False)
    away = Celery("away", broker="redis://127.0.0.1:1", set_as_current=False)
    away.conf.broker_transport_options = {"max_retries": 0}
    return Calls(
        good=lambda: app.send_task("mail"),
        bad=lambda: away.send_task("mail", retry=False),
        error=OperationalError,
        row={"name": "send mail", "peer": "celery", "peer_kind": "mq"},
    )


SUBJECTS = [Subject("celery (sending)", ("celery",), use, kind="producer", patched=lambda: Celery.send_task)]
