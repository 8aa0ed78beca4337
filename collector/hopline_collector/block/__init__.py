"""Bytes to a block of columns, without I/O."""
