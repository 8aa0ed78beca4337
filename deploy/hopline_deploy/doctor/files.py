"""Files that the settings name: tokens, certificate, rules of alerts, and the journal."""

import sqlite3
import ssl
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from hopline_deploy import access
from hopline_deploy.access import TokenError
from hopline_deploy.doctor.finding import Finding, well, wrong
from hopline_deploy.opening import JOURNAL_FOLDER
from hopline_deploy.settings import Settings

_SOON_S: Final = 14 * 86_400
_READ: Final = stat.S_IROTH
_WRITE: Final = stat.S_IWOTH


def tokens(settings: Settings) -> Iterator[Finding]:
    """Whether the token file can be used."""
    if not settings.tokens:
        return
    try:
        found = access.load(Path(settings.tokens))
    except TokenError as error:
        yield wrong("tokens", str(error), "mend the file; hopline token makes a line for it")
        return
    yield well("tokens", f"{settings.tokens}: {len(found)} tokens")


def certificate(settings: Settings) -> Iterator[Finding]:
    """Whether certificate and key can be used, belong together and are in date."""
    if not settings.tls_cert:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
        ends = _not_after(settings.tls_cert)
    except (OSError, ValueError) as error:
        said = f"{settings.tls_cert}: {error}"
        yield wrong("certificate", said, "name a chain and the key that belongs to it (tls_cert, tls_key)")
        return
    left = ends - time.time()
    day = time.strftime("%Y-%m-%d", time.gmtime(ends))
    if left < _SOON_S:
        ended = "it ended" if left < 0 else "it ends"
        yield wrong(
            "certificate", f"{settings.tls_cert}: {ended} on {day}", "renew it: the server reads it again by itself"
        )
    else:
        yield well("certificate", f"{settings.tls_cert}: good until {day}")


def alerts(settings: Settings) -> Iterator[Finding]:
    """Whether the file of alert rules can be used."""
    if not settings.alerts:
        return
    from hopline_query.alerts.rules import RulesError, parse

    try:
        rules = parse(Path(settings.alerts).read_text(encoding="utf-8")).rules
    except (OSError, UnicodeDecodeError, RulesError) as error:
        yield wrong("alerts", f"{settings.alerts}: {error}", "mend the file; hopline alerts test tries it")
        return
    yield well("alerts", f"{settings.alerts}: {len(rules)} rules")


def journal(settings: Settings) -> Iterator[Finding]:
    """Whether the journal of the data folder, where there is one, can be read."""
    from hopline_collector.sources.journal import FILE as JOURNAL_FILE

    path = Path(settings.data).absolute() / JOURNAL_FOLDER / JOURNAL_FILE
    if not path.is_file():
        return
    # Without its log nobody has it open, and reading it as it stands makes no files beside it.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True)) as connection:
            ((said,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        said = str(error)
    if said == "ok":
        yield well("journal", str(path))
    else:
        yield wrong("journal", f"{path}: {said}", "move it away: what it held and no block has is lost")


def open_secrets(settings: Settings) -> Iterator[Finding]:
    """Files that more users of this machine may use than should: digests may be read, a key may not."""
    for path, mask in ((settings.tokens, _WRITE), (settings.tls_key, _READ | _WRITE)):
        try:
            mode = Path(path).stat().st_mode if path else 0
        except OSError:
            continue
        if mode & mask:
            may = "write" if mode & _WRITE else "read"
            said = f"{path}: every user of this machine may {may} it (mode {stat.S_IMODE(mode):o})"
            yield wrong("modes", said, f"chmod 600 {path}")


def _not_after(path: str) -> float:
    """End of the first certificate of a chain, in seconds since the epoch. Raises OSError and ValueError."""
    found = ssl._ssl._test_decode_cert(path)  # type: ignore[attr-defined]  # noqa: SLF001 (the one reader in the library)
    return float(ssl.cert_time_to_seconds(found["notAfter"]))
