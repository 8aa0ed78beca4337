"""One trace of which a part of the services know the last 64 bits of its id only (setting ``strict_trace_ids``).

Libraries that write 64-bit ids, or pass on no more of a longer one, cut a trace in two. Where the setting joins
them, every row is stored under the last 64 bits, so that tree, lists, map and search find one trace.
"""

from collections.abc import Callable, Mapping
from typing import Final

from hopline_collector.formats.decoded import Decoded

_HALF: Final = 8
_ZEROS: Final = bytes(_HALF)

Decode = Callable[[bytes], Decoded]


def joining(decoders: Mapping[str, Decode]) -> dict[str, Decode]:
    """``decoders`` whose rows and links have the last 64 bits of trace ids."""
    return {form: _joining(decode) for form, decode in decoders.items()}


def _joining(decode: Decode) -> Decode:
    def joined(body: bytes) -> Decoded:
        decoded = decode(body)
        for batch in decoded.batches:
            for row in batch.rows:
                row.trace_id = _last_half(row.trace_id)
                if row.links:
                    row.links = [(_last_half(trace_id), span, kind) for trace_id, span, kind in row.links]
        return decoded

    return joined


def _last_half(trace_id: bytes) -> bytes:
    """The id with zeros before its last 64 bits, unless that leaves none; what is no id stays for the checks."""
    if type(trace_id) is not bytes or len(trace_id) != 2 * _HALF or trace_id.endswith(_ZEROS):
        return trace_id
    return _ZEROS + trace_id[_HALF:]
