"""Decoders: the bytes of one message to rows that all formats share."""

from hopline_collector.formats.decoded import Batch, Decoded, DecodeError, Refused, Report, WireRow

__all__ = ["Batch", "DecodeError", "Decoded", "Refused", "Report", "WireRow"]
