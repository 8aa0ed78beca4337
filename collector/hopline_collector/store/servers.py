"""Servers by URL: which one is asked, and the next one when it does not answer."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from hopline_collector.store.errors import StoreAwayError, brief

log = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 5


class Servers:
    """The addresses of one store; all of them hold, or lead to, the same tables. Thread-safe.

    One is used until it fails, so that what was just written is read where it was written.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = tuple(urls)
        self._lock = threading.Lock()
        self._preferred = 0

    def connect(self, session: Mapping[str, Any], seconds: float) -> tuple[Any, str]:
        """A handle, and the address that it leads to. Raises :class:`StoreAwayError` when none answers.

        ``session`` are settings of every statement, ``seconds`` bounds an answer.
        """
        with self._lock:
            first = self._preferred
        troubles: list[str] = []
        for place in range(len(self.urls)):
            url = self.urls[(first + place) % len(self.urls)]
            try:
                return connect(url, session, seconds), url
            except StoreAwayError as error:
                troubles.append(str(error))
                self.failed(url)
        raise StoreAwayError("; ".join(dict.fromkeys(troubles)))

    def failed(self, url: str) -> None:
        """``url`` did not answer: others are asked before it."""
        with self._lock:
            if len(self.urls) > 1 and self.urls[self._preferred] == url:
                self._preferred = (self._preferred + 1) % len(self.urls)
                log.warning("%s does not answer, going on with %s", shown(url), shown(self.urls[self._preferred]))


def connect(url: str, session: Mapping[str, Any], seconds: float) -> Any:
    """A handle of one server. Raises :class:`StoreAwayError`."""
    import clickhouse_connect

    try:
        return clickhouse_connect.get_client(
            dsn=url,
            # Of an address it reads the host alone, and would speak in the clear to all ports but two.
            interface=urlsplit(url).scheme or None,
            autogenerate_session_id=False,
            connect_timeout=_CONNECT_SECONDS,
            send_receive_timeout=seconds,
            query_retries=0,
            settings=dict(session),
        )
    except Exception as error:
        raise StoreAwayError(f"{shown(url)}: {brief(error)}") from error


def shown(url: str) -> str:
    """The address without user and password."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
