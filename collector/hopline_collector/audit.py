"""The audit log: one JSON line for each thing that an administrator did, in a file that is only appended to."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

WHO: Final[ContextVar[str]] = ContextVar("hopline_audit_who", default="")
"""Whose request this is: the name of the token, or the digest of one without a name; empty without tokens."""

AUDIT_FILE: Final = "audit.jsonl"
"""Its name in the data folder."""

Record = Callable[..., None]
"""`Audit.write`, or what takes its place."""


def unrecorded(_event: str, **_facts: Any) -> None:
    """For a store that nobody administers."""


def digest(text: str) -> str:
    """What stands for an id or a secret in a line: its SHA-256, in hex."""
    return sha256(text.encode()).hexdigest()


class Audit:
    """Appends to `path`; ids of users and traces, and secrets, stand in it as digests alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, event: str, **facts: Any) -> None:
        """Append a line with the time in RFC 3339, and who asked where that is known.

        A disk that refuses it is logged, and keeps nobody from his work.
        """
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        who = {"by": WHO.get()} if WHO.get() else {}
        line = json.dumps({"at": at, "event": event, **who, **facts}) + "\n"
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._lock, os.fdopen(os.open(self._path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600), "a") as file:
                file.write(line)
        except OSError as error:
            log.warning("the audit log could not be written: %s", error)
