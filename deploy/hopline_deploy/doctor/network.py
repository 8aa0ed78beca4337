"""Ports, and a running Hopline: whether it answers, is ready, lets us in and agrees on the time."""

import email.utils
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any, Final

from hopline_deploy import ports
from hopline_deploy.doctor.finding import Finding, well, wrong
from hopline_deploy.remote import Remote, RemoteError

CLOCK_TOLERANCE_SECONDS: Final = 2.0
_TIMEOUT_SECONDS: Final = 3.0


def port(host: str, number: int, server: str, *, answers: bool) -> Finding:
    """Whether Hopline listens there or could."""
    part = f"port {number}"
    try:
        if ports.is_free(host, number):
            return well(part, "free")
    except OSError as error:
        return wrong(part, f"{host}: {error.strerror or error}", "correct --host or choose another port with --port")
    holder = ports.holder(number)
    by = f"held by process {holder}" if holder else "held"
    if answers:
        return well(part, f"{by}; Hopline answers at {server}")
    return wrong(part, by, f"end {f'process {holder}' if holder else 'its holder'}, or choose another port with --port")


def answers(server: str) -> bool:
    """Whether a Hopline is alive there."""
    try:
        return bool(_get(f"{server}/health/live")[1].get("status"))
    except (OSError, HTTPException, ValueError):
        return False


def server(address: str, token: str) -> Iterator[Finding]:
    """Readiness, clock and token of the Hopline at `address`."""
    try:
        date, ready = _get(f"{address.rstrip('/')}/health/ready")
        there = email.utils.parsedate_to_datetime(date).timestamp()
    except (OSError, HTTPException, TypeError, ValueError) as error:
        said = getattr(error, "reason", error)
        yield wrong("server", f"{address}: {said}", "run hopline up, or name it with --server; a certificate of your "
                    "own goes into SSL_CERT_FILE")  # fmt: skip
        return
    # The header has whole seconds.
    skew = there + 0.5 - time.time()
    if abs(skew) > CLOCK_TOLERANCE_SECONDS:
        yield wrong("clock", f"{address} is {skew:+.0f} s from here", "run NTP on both machines")
    troubles = ready.get("troubles") or {}
    if troubles or ready.get("status") != "up":
        said = "; ".join(f"{part}: {text}" for part, text in troubles.items()) or f"it is {ready.get('status')}"
        yield wrong("server", f"{address}: {said}", "see its log, and docs/operations.md")
        return
    yield from _within(address, token)


def _within(address: str, token: str) -> Iterator[Finding]:
    """What only a reader is told: whether the token is good, how far it is behind, who loses rows."""
    try:
        known = Remote(address, token).get("freshness")
    except RemoteError as error:
        if error.status in {401, 403}:
            yield wrong("token", f"{address}: {error}", "set HOPLINE_TOKEN to a token of scope read")
        elif error.status == 404:
            yield well("server", f"{address} is ready; it is a collector, which answers no questions")
        else:
            yield wrong("server", f"{address}: {error}", "see its log")
        return
    if known.get("state") == "behind":
        yield wrong("ingest", f"{address} is {known.get('behind_s')} s behind", "see lag in /metrics; add a collector")
    for process in known.get("dropping") or []:
        said = f"{process['service']} {process['instance']} lost {process['dropped']} rows: {process['reasons']}"
        yield wrong("sender", said, "see docs/instrument.md: buffer, endpoint")
    yield well("server", f"{address} is ready; clocks agree")


def _get(address: str) -> tuple[str, dict[str, Any]]:
    """Date header and JSON body, whatever the status. Raises OSError, HTTPException and ValueError."""
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{address!r} is no http:// or https:// address")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 (checked above)
            date, body = answer.headers["date"], answer.read()
    except urllib.error.HTTPError as error:
        date, body = error.headers["date"], error.read()
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("another program answers there")  # noqa: TRY004 (what came from outside)
    return date, found
