"""The server's log as JSON lines, for whatever collects them (setting ``log_format``)."""

import json
import logging
import time
import traceback
from typing import Any


class JsonLines(logging.Formatter):
    """One JSON object a record: ``at`` (RFC 3339), ``level``, ``logger``, ``event``, ``message``.

    ``event`` is the message before its values were put in, so that it stays the same from one record to the next.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "at": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(record.msg),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def set_up(level: str, form: str) -> None:
    """Log to stderr at `level`, as ``text`` or ``json``."""
    handler = logging.StreamHandler()
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else plain)
    logging.basicConfig(level=level.upper(), handlers=[handler])
