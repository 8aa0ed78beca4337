"""The settings as keyword arguments of ``hopline.configure``, for type checkers: an unknown name is an error there."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict


class Settings(TypedDict, total=False):
    """Names and types as in :class:`hopline.config.Config`, which says what each is; a test compares the two."""

    service: str
    endpoint: str
    sample: float
    sample_target: float
    sample_operations: str | Sequence[str]
    follow_inbound: bool
    accept_inbound: bool | str
    trusted_proxies: str | Sequence[str]
    instance: str
    host: str
    zone: str
    env: str
    version: str
    enabled: bool
    b3: str
    trusted_hosts: str | Sequence[str]
    trace_hosts: str | Sequence[str]
    baggage_tags: str | Sequence[str]
    baggage_bytes: int
    ignore_paths: str | Sequence[str]
    only_below_parent: bool
    websocket_messages: bool
    response_headers: bool
    stack_traces: bool
    mask: str | Sequence[str]
    gen_ai_content: bool
    scan_only: str | Sequence[str]
    row_bytes: int
    buffer_rows: int
    batch_rows: int
    batch_ms: int
    open_rows_s: float
    report_s: float
    exit_timeout_s: float
    exit_away_s: float
    topic: str
    kafka_buffer_bytes: int
    kafka_acks: str
    compression: str
    kafka_options: str | Sequence[str] | Mapping[str, str]
    token: str
    clock: Callable[[], int] | None
