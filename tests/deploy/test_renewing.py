"""A4: a renewed certificate is served without a restart."""

import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hopline_deploy.renewing import Certificate
from support import wait_until
from support.certificate import make_certificate
from support.hopline_process import Server


def shown(url: str) -> str:
    """Digest of the certificate that a server shows."""
    where = urlsplit(url)
    pem = ssl.get_server_certificate((where.hostname or "", where.port or 0), timeout=60)
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
    key_before, chain_before = key.read_bytes(), chain.read_bytes()
    certificate = Certificate(str(chain), str(key))
    first = certificate.pair()
    assert not certificate.renewed()
    newer, newer_key = make_certificate(new)
    chain.write_bytes(newer.read_bytes())
    assert not certificate.renewed()
    key.unlink()
    assert not certificate.renewed()
    assert certificate.pair() == first == (key_before, chain_before)
    key.write_bytes(newer_key.read_bytes())
    assert certificate.renewed()
    assert not certificate.renewed()
    assert certificate.pair() == (newer_key.read_bytes(), newer.read_bytes())


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Bad input: a key that is not there, or another's, ends the start with the names of both settings."""
    (tmp_path / "other").mkdir()
    chain, key = make_certificate(tmp_path)
    other = make_certificate(tmp_path / "other")[1]
    for wrong in (tmp_path / "none", other, chain):
        with pytest.raises(OSError, match=f"tls_cert {chain} and tls_key {wrong}: "):
            Certificate(str(chain), str(wrong))
    Certificate(str(chain), str(key))
