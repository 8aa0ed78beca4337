"""Addresses of the store: TLS where they say so, and what is told of one that does not answer."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import StoreAwayError
from hopline_deploy.settings import Settings, SettingsError
from support.certificate import make_certificate
from support.clickhouse_server import Server
from support.ports import lasting_ports


@contextmanager
def tls_in_front(url: str, certificate: Path, key: Path) -> Iterator[int]:
    """A port that takes requests over TLS and hands them on to a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
            kept["Accept-Encoding"] = "identity"
            found = httpx.request(self.command, f"{url}{self.path}", headers=kept, content=body, timeout=60)
            self.send_response(found.status_code)
            for name, value in found.headers.items():
                if name not in {"transfer-encoding", "content-length", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_GET = do_POST = answer  # noqa: N815 (names of the library)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    class Listening(ThreadingHTTPServer):
        def finish_request(self, request: Any, address: Any) -> None:
            """In the thread of the connection: a handshake that fails is its client's trouble."""
            with suppress(OSError), context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, address)

    with Listening(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


def test_https_is_spoken_over_tls(clickhouse: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """K1: an address with https is asked over TLS on any port, and by a certificate that is trusted alone."""
    certificate, key = make_certificate(tmp_path)
    with tls_in_front(clickhouse.url, certificate, key) as port:
        settings = StoreSettings(url=f"https://127.0.0.1:{port}")
        stranger = ClickHouse(settings)
        with pytest.raises(StoreAwayError, match="certificate verify failed"):
            stranger.ask("SELECT 1")
        stranger.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusted = ClickHouse(settings)
        assert trusted.ask("SELECT 1") == [(1,)]
        trusted.close()


def test_a_store_that_is_away_is_told_in_few_words() -> None:
    """R3: who is asked and what the network said, without the client library's inner life."""
    (port,) = lasting_ports(1)
    store = ClickHouse(StoreSettings(url=f"http://me:secret@127.0.0.1:{port}"))
    with pytest.raises(StoreAwayError) as told:
        store.ask("SELECT 1")
    assert str(told.value) == f"http://127.0.0.1:{port}: [Errno 111] Connection refused"


@pytest.mark.parametrize("address", ["ch1:8123", "tcp://ch1:9000", "http://", "http://ch1:x", "http://me:secret@a b"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """Bad input: an address that would be read as another one's is named, without its password."""
    with pytest.raises(SettingsError, match="clickhouse is '") as told:
        Settings(clickhouse=f"http://ch2:8123,{address}", cluster="main")
    assert "secret" not in str(told.value)
