"""Zipkin in any encoding: messages of topic ``zipkin``."""

import re
from typing import Final

from hopline_collector.formats import zipkin_json, zipkin_protobuf, zipkin_v1
from hopline_collector.formats.decoded import Decoded, DecodeError

_SPACE: Final = b" \t\r\n"
_V1_ANNOTATION: Final = re.compile(rb'"annotations"\s{0,8}:\s{0,8}\[\s{0,8}\{[^}\]]{0,2048}"endpoint"\s{0,8}:')
"""Only v1 says where each annotation was made."""


def decode(body: bytes) -> Decoded:
    """Rows of a list of spans: JSON of v2 or v1, or protobuf. Raises :class:`DecodeError` when it is none.

    A bracket begins JSON: no protobuf list can begin with one.
    """
    if body.lstrip(_SPACE)[:1] != b"[":
        return zipkin_protobuf.decode(body)
    if body[:1] == b"[":
        return zipkin_v1.decode(body) if is_v1(body) else zipkin_json.decode(body)
    try:
        # A line feed also begins a protobuf list, of a span whose length is a bracket's code.
        return zipkin_protobuf.decode(body)
    except DecodeError:
        return decode(body.lstrip(_SPACE))


def is_v1(body: bytes) -> bool:
    """Whether JSON spans are of version 1."""
    return b'"binaryAnnotations"' in body or (b'"endpoint"' in body and _V1_ANNOTATION.search(body) is not None)
