"""A certificate that is renewed on the disk serves the next handshakes: no restart, no connection is cut."""

import logging
import ssl
import threading
import time
from pathlib import Path
from typing import Final, TypeAlias

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0

_Stamp: TypeAlias = tuple[int, int, int] | None


class Certificate:
    """Files of a certificate chain and of its key (PEM), and the last pair in them that fits together.

    Raises OSError, with the names of both, when they cannot be used from the start.
    """

    def __init__(self, chain: str, key: str) -> None:
        self.files = chain, key
        self._refused: tuple[_Stamp, ...] = ()
        self._stamp = self._stamped()
        try:
            self._pair = self._read()
        except (OSError, ValueError) as error:
            raise OSError(f"tls_cert {chain} and tls_key {key}: {error}") from error
        self._lock = threading.Lock()

    def renewed(self) -> bool:
        """Look at the files; whether there is a new pair. Half a renewal, or another's key, waits for the next look."""
        with self._lock:
            stamp = self._stamped()
            if stamp == self._stamp or not all(stamp):
                return False
            try:
                pair = self._read()
            except (OSError, ValueError) as error:
                if stamp != self._refused:
                    log.warning("the renewed certificate cannot be used yet: %s: %s", self.files[0], error)
                self._refused = stamp
                return False
            self._stamp, self._pair = stamp, pair
            log.info("certificate renewed: %s", self.files[0])
            return True

    def pair(self) -> tuple[bytes, bytes]:
        """The key and the chain of now."""
        self.renewed()
        return self._pair

    def _read(self) -> tuple[bytes, bytes]:
        chain, key = self.files
        pair = Path(key).read_bytes(), Path(chain).read_bytes()
        # Tried apart: a context that took the certificate and refused the key would serve nobody.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
        return pair

    def _stamped(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(Path(file)) for file in self.files)


class Renewing:
    """Looks every second whether a certificate was renewed, and loads it into `context`."""

    def __init__(self, context: ssl.SSLContext, certificate: Certificate) -> None:
        self._context = context
        self._certificate = certificate

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="hopline-certificate", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            if self._certificate.renewed():
                try:
                    self._context.load_cert_chain(*self._certificate.files)
                except (OSError, ValueError) as error:  # renewed again in this very moment: the next look loads it
                    log.warning("the renewed certificate could not be loaded: %s", error)


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
