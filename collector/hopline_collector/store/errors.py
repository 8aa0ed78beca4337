"""What can go wrong between us and the store.

::

    StoreError
    +-- StoreHeldError      another process owns the embedded path
    +-- StoreBusyError      every read handle is in use (answer 429)
    +-- StoreAwayError      not reachable, out of space, overloaded: try the same again
    +-- StoreRefusedError   refused before anything was written: the block is at fault
"""


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
    """The store refused the block before anything of it was written."""
