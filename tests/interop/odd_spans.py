"""Spans as they come from the field, each with one thing that a tracer may get wrong; times are µs since ``base``."""

from typing import Any
from uuid import uuid4

Span = dict[str, Any]


def new_id(digits: int = 32) -> str:
    """Hex digits that nobody else has, the first of them not 0."""
    return "f" + uuid4().hex[: digits - 1]


def zipkin(trace: str, number: int, service: str, kind: str = "", **more: Any) -> Span:
    """A Zipkin span; ``at`` and ``took`` are its times, None for none."""
    at, took = more.pop("at", 0), more.pop("took", 1_000)
    found: Span = {"traceId": trace, "id": f"{number:016x}", "name": more.pop("name", "op")}
    found |= {"timestamp": at} if at is not None else {}
    found |= {"duration": took} if took is not None else {}
    found |= {"localEndpoint": {"serviceName": service}} if service else {}
    found |= {"kind": kind} if kind else {}
    if (parent := more.pop("parent", None)) is not None:
        found["parentId"] = f"{parent:016x}"
    if (far := more.pop("far", None)) is not None:
        found["remoteEndpoint"] = {"serviceName": far}
    return found | more


def otlp(service: str, *spans: Span, **resource: str) -> dict[str, Any]:
    """A request of one resource."""
    facts = ({"service.name": service} if service else {}) | resource
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in facts.items()]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]}


def otlp_span(trace: str, number: int, kind: int, begin_us: int, end_us: int, **more: Any) -> Span:
    """An OTLP span; ``parent`` is a number, ``tags`` texts."""
    found: Span = {"traceId": trace, "spanId": f"{number:016x}", "name": more.pop("name", "op"), "kind": kind}
    found |= {"startTimeUnixNano": f"{begin_us}000", "endTimeUnixNano": f"{end_us}000"}
    if (parent := more.pop("parent", None)) is not None:
        found["parentSpanId"] = f"{parent:016x}"
    tags = more.pop("tags", {})
    return found | {"attributes": [{"key": k, "value": {"stringValue": v}} for k, v in tags.items()]} | more


def at(base: int, spans: list[Span]) -> list[Span]:
    """The spans with their times moved from 0 to ``base``."""

    def moved(span: Span) -> Span:
        found = dict(span)
        if "timestamp" in found:
            found["timestamp"] += base
        if "annotations" in found:
            found["annotations"] = [note | {"timestamp": note["timestamp"] + base} for note in found["annotations"]]
        return found

    return [moved(span) for span in spans]
