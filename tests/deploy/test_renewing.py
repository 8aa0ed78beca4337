"""A4: a renewed certificate is served without a restart."""

import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hopline_deploy.renewing import Renewing
from support import wait_until
from support.certificate import make_certificate
from support.hopline_process import Server


def shown(url: str) -> str:
    """Digest of the certificate that a server shows."""
    where = urlsplit(url)
    pem = ssl.get_server_certificate((where.hostname or "", where.port or 0), timeout=10)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def on_disk(file: Path) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read_text())).hexdigest()


def test_the_next_handshake_shows_the_renewed_certificate(
    hopline_up: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A4: within seconds, and what is broken on the disk changes nothing."""
    chain, key = make_certificate(tmp_path)
    for name, value in {"SSL_CERT_FILE": chain, "HOPLINE_TLS_CERT": chain, "HOPLINE_TLS_KEY": key}.items():
        monkeypatch.setenv(name, str(value))
    server = hopline_up()
    first = on_disk(chain)
    assert shown(server.url) == first
    make_certificate(tmp_path)
    assert on_disk(chain) != first
    wait_until(lambda: shown(server.url) == on_disk(chain), what="the renewed certificate")


def test_half_a_renewal_waits(tmp_path: Path) -> None:
    """Bad input: a certificate whose key is not there yet, or rubbish, is not loaded; the whole pair is."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    chain, key = make_certificate(old)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    renewing = Renewing(context, str(chain), str(key))
    assert not renewing.look()
    newer, newer_key = make_certificate(new)
    chain.write_bytes(newer.read_bytes())
    assert not renewing.look()
    key.unlink()
    assert not renewing.look()
    key.write_bytes(newer_key.read_bytes())
    assert renewing.look()
    assert not renewing.look()
