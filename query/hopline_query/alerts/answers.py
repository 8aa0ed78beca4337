"""What is wrong now and what was, as JSON: the API's answers, and the page's."""

import time
from collections.abc import Callable
from typing import Any, Final

from hopline_collector.store.errors import StoreError
from hopline_query.alerts.evaluator import Evaluator
from hopline_query.errors import StoreUnavailableError
from hopline_query.service import QueryService

SHOWN_US: Final = 86_400_000_000


class Alerts:
    """The alerts of `evaluator`; None: no rules are set, and there are none. Methods raise StoreUnavailableError."""

    def __init__(self, service: QueryService, evaluator: Evaluator | None) -> None:
        self._service = service
        self._evaluator = evaluator

    @property
    def configured(self) -> bool:
        """Whether there is a file of rules."""
        return self._evaluator is not None

    def open(self) -> dict[str, Any]:
        """Alerts that are pending, firing or silenced, and those resolved within a day."""
        began, now, evaluator = time.monotonic(), self._service.clock(), self._evaluator
        found = _asked(lambda: evaluator.alerts(now)) if evaluator else []
        return self._whole({"alerts": found, "trouble": evaluator.trouble if evaluator else ""}, began)

    def history(self, limit: int) -> dict[str, Any]:
        """The last changes, newest first."""
        began, evaluator = time.monotonic(), self._evaluator
        found = _asked(lambda: evaluator.history(limit)) if evaluator else []
        return self._whole({"changes": found}, began)

    def _whole(self, answer: dict[str, Any], began: float) -> dict[str, Any]:
        now = self._service.clock()
        envelope = {"from_us": now - SHOWN_US, "to_us": now, "freshness": self._service.freshness(), "truncated": False}
        return answer | envelope | {"took_ms": round((time.monotonic() - began) * 1_000, 1)}


def _asked(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except StoreError as error:
        raise StoreUnavailableError(str(error)) from error
