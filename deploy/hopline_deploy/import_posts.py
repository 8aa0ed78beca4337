"""Spans of files gathered into posts: of one format, of neighbouring days, and of a size that servers take."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from typing import Any, Final

import msgspec

from hopline_deploy.import_files import NATIVE, OTLP, ZIPKIN, ZIPKIN_V1, Span

SPANS: Final = 1_000
"""Of one post."""
BYTES: Final = 4 * 1024 * 1024
DAYS: Final = 30
"""A post that keeps its times may touch 31 days."""
OPEN: Final = 32
"""Posts that are being gathered at once, for files in no order of time."""

PATHS: Final = {NATIVE: "api/v1/spans", ZIPKIN_V1: "api/v1/spans", ZIPKIN: "api/v2/spans", OTLP: "v1/traces"}
"""Where each format is posted to."""

_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Post:
    """Spans that are sent together."""

    form: str
    spans: Sequence[Span]

    @property
    def path(self) -> str:
        """Where it is posted to."""
        return PATHS[self.form]

    def body(self) -> bytes:
        """The request's body, JSON."""
        return msgspec.json.encode(_SHAPES[self.form](self.spans))

    def halves(self) -> tuple["Post", "Post"]:
        """The same spans in two posts."""
        half = len(self.spans) // 2
        return Post(self.form, self.spans[:half]), Post(self.form, self.spans[half:])


def batch_id(body: bytes) -> str:
    """Names a post by what it holds, so that an import that is repeated at once stores nothing twice."""
    return f"import-{blake2b(body, digest_size=16).hexdigest()}"


@dataclass(slots=True)
class _Gathering:
    spans: list[Span] = field(default_factory=list)
    size: int = 0


def posts_of(spans: Iterable[Span]) -> Iterator[Post]:
    """Posts that hold every span once; those of one post keep their order."""
    waiting: dict[tuple[Any, ...], _Gathering] = {}
    for span in spans:
        size = len(bytes(span.raw))
        key = (span.form, span.context if span.form == NATIVE else (), span.start_us // _DAY_US // DAYS)
        gathering = waiting.setdefault(key, _Gathering())
        if gathering.spans and (len(gathering.spans) == SPANS or gathering.size + size > BYTES):
            yield Post(span.form, waiting.pop(key).spans)
            gathering = waiting[key] = _Gathering()
        gathering.spans.append(span)
        gathering.size += size
        if len(waiting) > OPEN:
            fullest = max(waiting, key=lambda other: waiting[other].size)
            yield Post(fullest[0], waiting.pop(fullest).spans)
    for (form, *_), gathering in waiting.items():
        yield Post(form, gathering.spans)


def _native(spans: Sequence[Span]) -> Any:
    return {"process": msgspec.Raw(spans[0].context[0]), "rows": [span.raw for span in spans]}


def _list(spans: Sequence[Span]) -> Any:
    return [span.raw for span in spans]


def _otlp(spans: Sequence[Span]) -> Any:
    return {
        "resourceSpans": [
            {
                "resource": msgspec.Raw(resource),
                "scopeSpans": [{"scope": msgspec.Raw(scope), "spans": [span.raw for span in group]}],
            }
            for (resource, scope), group in groupby(spans, key=lambda span: span.context)
        ]
    }


_SHAPES: Final = {NATIVE: _native, ZIPKIN: _list, ZIPKIN_V1: _list, OTLP: _otlp}
