"""A file system of a few megabytes, to run out of space for real."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.need import require

_CHUNK = b"\0" * 65_536


class SmallDisk:
    """A tmpfs mounted at `folder`, with a ballast file that takes all space and gives it back."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        subprocess.run(command, check=True, capture_output=True, text=True)

    def fill(self) -> None:
        """Write until there is no byte left."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(_CHUNK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()

    def unmount(self) -> None:
        """Let go of the folder, whoever still holds a file there."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True, capture_output=True)


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], SmallDisk]]:
    """``small_disk(folder, megabytes)`` mounts one; it goes with the test."""
    require("small file system", "" if os.geteuid() == 0 else "only root may mount one")
    mounted: list[SmallDisk] = []

    def mount(folder: Path, megabytes: int) -> SmallDisk:
        try:
            mounted.append(SmallDisk(folder, megabytes))
        except subprocess.CalledProcessError as error:
            require("small file system", error.stderr.strip() or "mount failed")
        return mounted[-1]

    yield mount
    for disk in reversed(mounted):
        disk.unmount()
