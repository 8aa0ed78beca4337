"""A certificate that is renewed on the disk serves the next handshakes: no restart, no connection is cut."""

import logging
import ssl
import threading
import time
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0


class Renewing:
    """Looks every second whether the files changed, and loads them into `context` when they fit each other."""

    def __init__(self, context: ssl.SSLContext, chain: str, key: str) -> None:
        self._context = context
        self._files = chain, key
        self._stamp = self._stamped()
        self._refused: tuple[tuple[int, int, int] | None, ...] = ()

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="hopline-certificate", daemon=True).start()

    def look(self) -> bool:
        """Load what changed; whether it was. Half a renewal, or another certificate's key, waits for the next look."""
        stamp = self._stamped()
        if stamp == self._stamp or not all(stamp):
            return False
        try:
            # Tried apart: a context that took the certificate and refused the key would serve nobody.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
            self._context.load_cert_chain(*self._files)
        except (OSError, ValueError) as error:
            if stamp != self._refused:
                log.warning("the renewed certificate cannot be used yet: %s: %s", self._files[0], error)
            self._refused = stamp
            return False
        self._stamp = stamp
        log.info("certificate renewed: %s", self._files[0])
        return True

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            self.look()

    def _stamped(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(Path(file)) for file in self._files)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
