"""Posting the spans of files to a running Hopline, with the times that they carry."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from hopline_deploy.import_posts import Post, batch_id
from hopline_deploy.remote import Remote, RemoteError

TRIES: Final = 60
"""How often a server that has no room, or is away, is asked again."""
PROBLEMS: Final = 20
"""Of how many refusals the reason is kept."""

_FULL: Final = (429, 503)
_REFUSED: Final = (400, 413)


@dataclass(slots=True)
class Imported:
    """What became of the spans."""

    accepted: int = 0
    rejected: int = 0
    posts: int = 0
    oldest_us: int = 0
    problems: list[str] = field(default_factory=list)

    def refuse(self, spans: int, reason: str) -> None:
        """Count spans that were not taken."""
        self.rejected += spans
        if spans and len(self.problems) < PROBLEMS:
            self.problems.append(reason)


class Importer:
    """Sends posts one after the other. ``sleep`` waits for so many seconds."""

    def __init__(self, remote: Remote, sleep: Callable[[float], None] = time.sleep) -> None:
        self.done = Imported()
        self._remote = remote
        self._sleep = sleep

    def send(self, posts: Iterable[Post]) -> None:
        """Send them all. Raises :class:`RemoteError` when the server stays away or refuses the sender."""
        for post in posts:
            times = [span.start_us for span in post.spans if span.start_us]
            if times:
                self.done.oldest_us = min(self.done.oldest_us or min(times), *times)
            self._send(post)

    def _send(self, post: Post) -> None:
        """One post; where it is refused as a whole its halves, so that one bad span costs itself alone."""
        waiting = [post]
        while waiting:
            part = waiting.pop()
            try:
                self._count(part, self._post(part))
            except RemoteError as error:
                if error.status not in _REFUSED:
                    raise
                if len(part.spans) == 1:
                    self.done.refuse(1, str(error))
                else:
                    waiting += reversed(part.halves())

    def _post(self, post: Post) -> bytes:
        body = post.body()
        headers = {"Hopline-Keep-Times": "1", "Hopline-Batch-Id": batch_id(body)}
        for last in [False] * (TRIES - 1) + [True]:
            try:
                answer = self._remote.send(post.path, body, headers)
            except RemoteError as error:
                if error.status not in _FULL or last:
                    raise
                self._sleep(error.retry_after or 1.0)
            else:
                self.done.posts += 1
                return answer
        raise AssertionError

    def _count(self, post: Post, answer: bytes) -> None:
        """Read how many the server took: our own counts, OTLP's partial success; Zipkin takes all or nothing."""
        found = json.loads(answer) if answer else {}
        refused = found.get("rejected", [])
        partial = found.get("partialSuccess", {})
        count = len(refused) or int(partial.get("rejectedSpans", 0))
        self.done.accepted += len(post.spans) - count
        reasons = [f"{bad['reason']}: {bad.get('detail', '')}".rstrip(": ") for bad in refused]
        for reason in reasons:
            self.done.refuse(1, reason)
        if not reasons:
            self.done.refuse(count, str(partial.get("errorMessage", "")))
