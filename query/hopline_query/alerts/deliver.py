"""Telling a receiver of a change: one request or one mail, in the shape that it reads."""

import json
import smtplib
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from hopline_query.alerts.rules import Receiver
from hopline_query.alerts.states import Change

TIMEOUT_S: Final = 5.0


class DeliveryError(Exception):
    """The receiver did not take it: try again later."""


def body_of(change: Change, base: str) -> dict[str, Any]:
    """What a generic webhook gets; `id` is the same however often a change is sent."""
    return {
        "rule": change.rule,
        "state": change.state,
        "since_us": change.since_us,
        "value": change.value,
        "threshold": change.threshold,
        "labels": dict(change.labels),
        "summary": summary(change),
        "link": change.link,
        "url": base + change.link if base else None,
        "id": f"{change.alert:016x}-{change.sequence}",
    }


def summary(change: Change) -> str:
    """``firing: checkout fails (service checkout): 0.91, threshold 0.99``."""
    labels = ", ".join(f"{name} {_plain(value)}" for name, value in sorted(change.labels.items()))
    return f"{change.state}: {_plain(change.rule)} ({labels}): {change.value:g}, threshold {change.threshold:g}"


def send(receiver: Receiver, change: Change, base: str) -> None:
    """Send it. Raises DeliveryError."""
    try:
        if receiver.smtp:
            _mail(receiver, change, base)
        elif receiver.alertmanager:
            _post(receiver.alertmanager.rstrip("/") + "/api/v2/alerts", [_for_alertmanager(change, base)])
        else:
            _post(receiver.webhook, _shaped(receiver.format, change, base))
    except (OSError, HTTPException, smtplib.SMTPException, ValueError) as error:
        raise DeliveryError(str(error)[:200]) from error


def _shaped(form: str, change: Change, base: str) -> Mapping[str, Any]:
    text = f"{summary(change)}\n{base + change.link}"
    if form == "slack":
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if form == "feishu":
        return {"msg_type": "text", "content": {"text": text}}
    if form == "dingtalk":
        return {"msgtype": "text", "text": {"content": text}}
    return body_of(change, base)


def _for_alertmanager(change: Change, base: str) -> Mapping[str, Any]:
    """As Alertmanager's API v2 takes alerts: an end makes it resolved."""
    began = {"startsAt": _rfc3339(change.since_us)} if change.state == "firing" else {"endsAt": _rfc3339(change.at_us)}
    return {
        "labels": {"alertname": change.rule, **change.labels},
        "annotations": {"summary": summary(change), "value": f"{change.value:g}"},
        "generatorURL": base + change.link,
        **began,
    }


def _post(address: str, body: Any) -> None:
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    request = urllib.request.Request(address, content, {"Content-Type": "application/json"})  # noqa: S310 (checked)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 (checked by the rules)
        answer.read(65_536)


def _mail(receiver: Receiver, change: Change, base: str) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = summary(change), receiver.sender, ", ".join(receiver.to)
    message.set_content(f"{summary(change)}\n\n{base + change.link}\n")
    parts = urlsplit(receiver.smtp)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    with kind(
        parts.hostname or "", parts.port or (465 if parts.scheme == "smtps" else 25), timeout=TIMEOUT_S
    ) as server:
        if parts.username:
            server.starttls() if parts.scheme == "smtp" else None
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)


def _plain(text: str) -> str:
    """Stored text on one line, without what steers a terminal or a mail."""
    return "".join(char if char.isprintable() else " " for char in text)[:200]


def _rfc3339(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, UTC).isoformat()
