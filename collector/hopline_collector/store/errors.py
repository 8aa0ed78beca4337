"""What can go wrong between us and the store.

::

    StoreError
    +-- StoreHeldError      another process owns the embedded path
    +-- StoreBusyError      every read handle is in use (answer 429)
    +-- StoreAwayError      not reachable, out of space, overloaded: try the same again
    +-- StoreRefusedError   cannot be encoded, so nothing was sent: the block is at fault
    +-- SchemaNewerError    a later release made the tables

:func:`translated` and :func:`of_insert` say which of them an exception of the client library is.
"""

import errno
import re
from typing import Final

_AWAY_CODES: Final = frozenset(
    {159, 164, 202, 203, 209, 210, 225, 241, 242, 243, 244, 279, 285, 286, 319, 374, 425, 499, 999}
)
"""Engine errors that pass: time-outs, memory, disk space, read-only mode, network, shards, quorum, coordination."""

_TOO_MANY: Final = 252
"""Shared by "too many parts" (they will be merged) and "too many partitions for single INSERT block" (which stay)."""

_BLOCK_OF_MANY: Final = "single INSERT block"

_NETWORK: Final = re.compile(r"\[Errno -?\d+\] [^\"'()]+|certificate verify failed[^\"'()]*|Read timed out")
"""In the text of an error of the connection: its cause, beside names of classes and pools."""


class StoreError(Exception):
    """Any trouble with the store."""


class StoreHeldError(StoreError):
    """Another process owns the embedded engine's folder."""

    def __init__(self, path: str, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(f"{path} is already open by {holder}; stop it or give another --data folder")
        self.path = path
        self.pid = pid


class StoreBusyError(StoreError):
    """Every read handle is in use; try again in a moment."""


class StoreAwayError(StoreError):
    """The store did not take the statement for a reason of its own; the same again may succeed."""


class StoreRefusedError(StoreError):
    """The block cannot be sent to the store, and nothing of it was: the same on every try."""


class SchemaNewerError(StoreError):
    """A later release made the tables: what they mean is not known here."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"the schema is at version {found}, this release knows {known}: install a newer hopline")
        self.found = found


def unreachable(error: BaseException) -> bool:
    """Whether no answer came at all: another server of the same store may give one."""
    from clickhouse_connect.driver.exceptions import OperationalError

    return isinstance(error, OperationalError) and getattr(error, "code", None) is None


def brief(error: BaseException) -> str:
    """What the network said of a server that gave no answer; of other errors the whole text."""
    found = _NETWORK.findall(str(error)) if unreachable(error) else []
    return found[-1].strip() if found else str(error)


def translated(error: Exception) -> StoreError:
    """The store error that says what to do about ``error``. It is no refusal, see :func:`of_insert`."""
    from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

    text = str(error)
    code = getattr(error, "code", None)
    if code == _TOO_MANY:
        return StoreError(text) if _BLOCK_OF_MANY in text else StoreAwayError(text)
    # The engine reserves space before it writes, but a neighbour on the same disk may take it in between.
    if code in _AWAY_CODES or "No space left on device" in text:
        return StoreAwayError(text)
    if isinstance(error, OperationalError) or _of_the_system(error):
        space = " (no space left for temporary files)" if getattr(error, "errno", 0) == errno.ENOSPC else ""
        return StoreAwayError(brief(error) + space)
    return StoreError(text) if isinstance(error, DatabaseError) else StoreError(f"{type(error).__name__}: {text}")


def of_insert(error: Exception) -> StoreError:
    """As :func:`translated`, but what cannot be encoded is a refusal: a block is encoded before it is sent.

    Nothing that the engine says is one. A block goes into some twenty tables side by side,
    and when one of them takes no more, others may have it already.
    """
    from clickhouse_connect.driver.exceptions import DataError

    encoding = (DataError, UnicodeError, AttributeError, TypeError, OverflowError, ValueError)
    if isinstance(error, encoding) and not _of_the_system(error):
        return StoreRefusedError(f"{type(error).__name__}: {error}")
    return translated(error)


def _of_the_system(error: Exception) -> bool:
    return isinstance(error, OSError) and not isinstance(error, UnicodeError)
