"""OTLP in either encoding: messages of topic ``otlp_spans``, and what a receiver set aside."""

from hopline_collector.formats import otlp_json, otlp_protobuf
from hopline_collector.formats.decoded import Decoded


def decode(body: bytes) -> Decoded:
    """Rows of an ``ExportTraceServiceRequest``. Raises :class:`DecodeError` when it is none.

    A brace begins JSON: no protobuf request can begin with one.
    """
    return otlp_json.decode(body) if body[:1] == b"{" else otlp_protobuf.decode(body)
