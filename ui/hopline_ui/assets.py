"""Static files, read once at start and served from memory.

Every file is known by name before the first request, so no path that a user
sends ever reaches the file system. The address holds a hash over all files
(``static/<hash>/js/home.js``): ES modules import each other by relative
address and so inherit it, and a changed file changes every address at once.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file."""

    body: bytes
    media_type: str
    etag: str


class Assets:
    """The static files of the package and the addresses under which pages name them."""

    def __init__(self, root: Traversable | None = None) -> None:
        folder = root if root is not None else files("hopline_ui") / "static"
        self._assets = {name: _read(entry) for name, entry in _walk(folder, "")}
        digest = hashlib.sha256()
        for name in sorted(self._assets):
            digest.update(f"{name}\0{self._assets[name].etag}\0".encode())
        self.version = digest.hexdigest()[:10]

    def names(self) -> list[str]:
        """Names of all files, sorted, such as ``css/base.css``."""
        return sorted(self._assets)

    def get(self, name: str) -> Asset | None:
        """The file of that name, or ``None``."""
        return self._assets.get(name)

    def path(self, name: str) -> str:
        """Address below the base path; raises ``KeyError`` for a file that does not exist."""
        if name not in self._assets:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        else:
            found.append((prefix + entry.name, entry))
    return found


def _read(entry: Traversable) -> Asset:
    body = entry.read_bytes()
    suffix = entry.name.rpartition(".")[2]
    media_type = MEDIA_TYPES.get(suffix, "text/plain; charset=utf-8")
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
