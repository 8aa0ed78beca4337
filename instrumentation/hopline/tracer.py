"""The tracer: begins roots, entries and calls, and knows the settings they follow."""

import logging
import os
from binascii import unhexlify
from collections.abc import Callable
from time import perf_counter_ns, time_ns
from typing import Any, Final

from hopline import config as settings
from hopline.config import Config
from hopline.context import get_current
from hopline.counts import Counts
from hopline.entry import NO_CALLER, Entry
from hopline.errors import SettingError
from hopline.ids import FRAGMENT, RANDOM_BITS, new_trace_id, random_bits, span_hex, trace_hex, within_limits
from hopline.model import CALL_KINDS, DEBUG, SAMPLED, WEIGHT_ONE
from hopline.noop import NOOP, UnsampledSpan
from hopline.passing import PassingSpan
from hopline.propagation import inbound, usual
from hopline.propagation.baggage import Baggage
from hopline.propagation.inbound import HeaderPair, Headers, Remote
from hopline.propagation.outbound import is_trusted
from hopline.propagation.traceparent import RANDOM_FLAG
from hopline.propagation.tracestate import otel_weight
from hopline.propagation.usual import Usual
from hopline.report import Reporter
from hopline.sampling import OperationSampler, RateSampler, Sampler, TargetSampler
from hopline.spans import Span
from hopline.text import as_text
from hopline.transports.create import create_transport
from hopline.transports.discard import DiscardTransport

LOCAL: Final = "local"
LOOK_AROUND: Final = 1_023
"""Mask of child numbers: where it gives 0 there is more to do than to make a span."""

RATE_TAG: Final = "hopline.rate"
"""Marks rows whose sampling rate only a stranger knows: figures count them once."""

_new = object.__new__
_SECOND: Final = 1_000_000_000


class Tracer:
    """One process has one, kept by :func:`configure`; tests make their own."""

    def __init__(self, config: Config, reporter: Reporter) -> None:
        self.config = config
        self.reporter = reporter
        self.counts: Counts = reporter.counts
        self.enabled = config.enabled
        self.sampler = _sampler(config, self.counts)
        self._keeps_all = isinstance(self.sampler, RateSampler) and config.sample == 1
        self._follows = config.accept_inbound and config.follow_inbound
        self.clock = config.clock or perf_counter_ns
        self._wall = config.clock or time_ns
        self.ignored_paths = frozenset(config.ignore_paths)
        self.service_header = config.service.encode("latin-1", "replace")

    @property
    def instance(self) -> str:
        """Name of this process; read after a fork, it names the child."""
        return self.reporter.process["instance"]

    def root(self, name: str, kind: str, tags: dict[str, str]) -> Span:
        """First row of a new trace, not yet begun."""
        if not self.enabled:
            return NOOP
        trace_id = (self._wall() // _SECOND & 0xFFFFFFFF) << RANDOM_BITS | random_bits(RANDOM_BITS)
        weight = WEIGHT_ONE if self._keeps_all else self.sampler.weight(trace_id, name)
        if not weight:
            return UnsampledSpan(Entry(self, trace_id, name, "0", 0, 0), random_bits(64))
        reporter = self.reporter
        if reporter.thread is None or len(reporter.buffer) >= reporter.capacity:
            reporter.admit()
        entry = Entry(self, trace_id, name, "0", 0, SAMPLED, weight)
        return Span(entry, None, 0, random_bits(64), name, kind, tags)

    def receive(
        self, name: str, headers: Headers, kind: str = "server", *, debug: bool = False, sender: str | None = None
    ) -> Span:
        """Entry row of a request or message that came with ``headers``, not yet begun.

        ``sender`` is the address it came from, if one is known: a stranger's word on
        its sampling rate does not count.
        """
        if not self.enabled:
            return NOOP
        try:
            remote, baggage = inbound.extract(headers, self.config.baggage_bytes, self.counts.add)
            hop = remote.hop if remote is not None else None
            if remote is not None and hop is not None and (hop.debug or hop.weight != WEIGHT_ONE):
                remote.trusted = self._trusts(sender)
            return self.enter(name, remote, baggage, kind, debug=debug)
        except Exception as error:
            return broken(error)

    def receive_http(
        self, name: str, headers: list[HeaderPair], sender: str | None, operation: Callable[[], str]
    ) -> Span:
        """:meth:`receive` for pairs of bytes with names in lower case, as ASGI has them: the shortest way in.

        ``operation`` names the work to callees, once its route is known.
        """
        if not self.enabled:
            return NOOP
        try:
            known = usual.read(headers) if self._follows else None
            if known is None or known is usual.NOTHING:
                span = self.receive(name, headers, sender=sender) if known is None else self.enter(name, None, None)
                if span is not NOOP:
                    span.entry.operation = operation
            elif known[2] & SAMPLED:
                span = self._entry_span(self.entry_of(known, sender, operation), name, "server", {})
                if known[3] is None or (known[3][1] != WEIGHT_ONE and not self._trusts(sender)):
                    span.tags[RATE_TAG] = "unknown"
            else:
                span = PassingSpan(self, known, sender, operation)
            return span
        except Exception as error:
            return broken(error)

    def entry_of(self, known: Usual, sender: str | None, operation: Callable[[], str]) -> Entry:
        """What the spans of a trace share that came from ``sender`` by headers of the usual shape."""
        parent, plain, flags, caller = known
        path, weight, names = caller or (FRAGMENT, WEIGHT_ONE, NO_CALLER)
        if weight != WEIGHT_ONE and not self._trusts(sender):
            weight = WEIGHT_ONE
        raw_id = unhexlify(parent[3:35])
        trace_id, remote_id = int.from_bytes(raw_id, "big"), int(parent[36:52], 16)
        entry = Entry(self, trace_id, operation, path, remote_id, flags & SAMPLED, weight)
        entry.raw_id = raw_id
        entry.caller = names
        entry.random = flags & RANDOM_FLAG
        if plain is not None:
            entry.receive_plain(plain)
        return entry

    def _trusts(self, sender: str | None) -> bool:
        return sender is None or is_trusted(sender, self.config.trusted_hosts)

    def enter(
        self, name: str, remote: Remote | None, baggage: Baggage | None, kind: str = "server", *, debug: bool = False
    ) -> Span:
        """Entry row caused by ``remote``, or first row of a new trace without it."""
        if remote is None:
            entry = Entry(self, new_trace_id(self._wall() // _SECOND), name)
        elif not self.config.accept_inbound or (remote.hop is not None and not within_limits(remote.hop.path)):
            return self._restart(name, remote, kind)
        else:
            entry = self._continued(remote, name)
        if baggage is not None:
            entry.receive(baggage)
        if debug or (remote is not None and remote.debug):
            entry.flags |= DEBUG | SAMPLED
        elif remote is None or remote.flags is None or not self.config.follow_inbound:
            return self._decide(entry, name, kind, {})
        elif not remote.flags & SAMPLED:
            entry.flags &= ~SAMPLED
            return UnsampledSpan(entry, random_bits(64))
        span = self._entry_span(entry, name, kind, {})
        if remote is not None and (remote.hop is None or not remote.trusted):
            self._foreign_weight(span, remote)
        return span

    @staticmethod
    def _foreign_weight(span: Span, remote: Remote) -> None:
        """A stranger's sample: weighed as its tracestate says, else marked, for figures count it once."""
        weight = otel_weight(remote.others)
        if weight is None:
            span.tags[RATE_TAG] = "unknown"
        else:
            span.entry.weight = weight

    def _continued(self, remote: Remote, name: str) -> Entry:
        hop = remote.hop
        path = hop.path if hop else FRAGMENT
        entry = Entry(self, remote.trace_id, name, path, remote.parent_id)
        entry.tracestate = remote.others
        entry.random = remote.random
        if hop is not None:
            entry.weight = hop.weight if remote.trusted else WEIGHT_ONE
            entry.caller = (hop.service, hop.instance, hop.zone, hop.operation)
        return entry

    def _restart(self, name: str, remote: Remote, kind: str) -> Span:
        """New trace that links to the one it came from: a public edge, or too deep."""
        self.counts.add("restarted_traces")
        entry = Entry(self, new_trace_id(self._wall() // _SECOND), name)
        span = self._decide(entry, name, kind, {})
        span.link(trace_hex(remote.trace_id), span_hex(remote.parent_id), "client")
        return span

    def restart_below(self, parent: Span, name: str, kind: str, tags: dict[str, str]) -> Span:
        """New trace for a child of a row at the limit of depth; it shares decision and baggage."""
        self.counts.add("restarted_traces")
        old = parent.entry
        entry = Entry(self, new_trace_id(self._wall() // _SECOND), name, flags=old.flags, weight=old.weight)
        entry.baggage, entry.uid = old.baggage, old.uid
        span = self._entry_span(entry, name, kind, tags)
        span.link(parent.trace_id, parent.id, parent.kind)
        return span

    def _decide(self, entry: Entry, name: str, kind: str, tags: dict[str, str]) -> Span:
        weight = WEIGHT_ONE if self._keeps_all else self.sampler.weight(entry.trace_id, name)
        if not weight:
            entry.flags &= ~SAMPLED
            return UnsampledSpan(entry, random_bits(64))
        entry.weight = weight
        return self._entry_span(entry, name, kind, tags)

    def _entry_span(self, entry: Entry, name: str, kind: str, tags: dict[str, str]) -> Span:
        reporter = self.reporter
        if reporter.thread is None or len(reporter.buffer) >= reporter.capacity:
            reporter.admit()
        return Span(entry, None, 0, random_bits(64), name, kind, tags)


def span(
    name: str,
    *,
    kind: str = LOCAL,
    peer: str = "",
    peer_kind: str = "",
    tags: dict[str, Any] | None = None,
) -> Span:
    """A span around the work of a ``with`` block: a child of the current one, or a new trace.

    ``kind`` is one of :data:`hopline.model.KINDS`; ``peer`` names the far end of a
    client or producer span, ``peer_kind`` what it is (service, db, mq, cache, external).
    """
    try:
        parent = get_current()
        if type(parent) is Span:
            numbers = parent.numbers
            number = next(numbers, 0) if numbers is not None else 0
            if number & LOOK_AROUND:
                # Span.__init__ written out: without that call a span costs a tenth less.
                entry = parent.entry
                made = _new(Span)
                made.entry = entry
                made.parent = parent
                made.ordinal = number
                made.id_int = random_bits(64)
                made.name = name
                made.kind = kind
                made.tags = {} if tags is None else _texts(tags)
                made.uid = entry.uid
                made.end_ns = 0
                made.path = ""
                made.numbers = None
                made.rare = None
            else:
                made = under_unusual(parent, number, name, kind, {} if tags is None else _texts(tags))
        elif parent is None:
            made = (_active or configure()).root(name, kind, {} if tags is None else _texts(tags))
        else:
            return NOOP
        if peer or peer_kind:
            made.peer = peer
            made.peer_kind = peer_kind
        return made
    except Exception as error:
        return broken(error)


def call(name: str, *, kind: str = "client", peer: str = "", peer_kind: str = "service") -> Span:
    """Outgoing call seen by a hook: the no-op inside another call, whose row already stands for it."""
    parent = get_current()
    if parent is not None and parent.kind in CALL_KINDS:
        return NOOP
    return span(name, kind=kind, peer=peer, peer_kind=peer_kind)


def broken(error: Exception) -> Span:
    """The no-op, after an error of our own: counted and warned about, never the application's."""
    tracer = active()
    tracer.counts.add("client_errors")
    tracer.reporter.warner.warn(f"something goes untraced: {type(error).__name__}: {error}")
    return NOOP


def under_unusual(parent: Span, number: int, name: str, kind: str, tags: dict[str, str]) -> Span:
    """Child of a row whose counter is not open yet or has come to its end, or which hands its path on.

    Also each 1,024th child (``number`` is not 0 then): time to look at the buffer's bound.
    """
    row: Span | None = parent
    if not number:
        row = parent.numbering()
        if row is None or row.numbers is None:
            return NOOP  # a call at the root: its path belongs to the callee, so nothing here can be numbered
        number = next(row.numbers, 0)
    assert row is not None
    if not number:
        return row.entry.tracer.restart_below(row, name, kind, tags)
    reporter = row.entry.tracer.reporter
    if len(reporter.buffer) >= reporter.capacity:
        reporter.admit()
    return Span(row.entry, row, number, random_bits(64), name, kind, tags)


def _texts(tags: dict[str, Any]) -> dict[str, str]:
    return {as_text(key): as_text(value) for key, value in tags.items()}


def active() -> Tracer:
    """The tracer of this process, made from the environment when none was configured."""
    return _active if _active is not None else configure()


def configure(**overrides: object) -> Tracer:
    """Replace the tracer of this process by one with these settings; the old one sends its rest.

    A setting that cannot be used is warned about and counted, and its default holds.
    """
    config, problems = settings.load(overrides)
    tracer = build(config)
    for problem in problems:
        tracer.counts.add("bad_settings")
        tracer.reporter.warner.warn(problem)
    if _active is not None:
        _active.reporter.close(config.exit_timeout_s)
        tracer.reporter.take_over(_active.reporter)
    activate(tracer)
    return tracer


def build(config: Config) -> Tracer:
    """A tracer with the transport that ``config.endpoint`` names."""
    counts = Counts()
    try:
        transport = create_transport(config, counts)
    except SettingError as error:
        counts.add("bad_settings")
        logging.getLogger(__name__).warning("%s", error)
        transport = DiscardTransport(counts)
    return Tracer(config, Reporter(config, transport, counts))


def activate(tracer: Tracer | None) -> Tracer | None:
    """Make ``tracer`` the one of this process; returns the one before it."""
    global _active
    old, _active = _active, tracer
    return old


def _after_fork() -> None:
    if _active is not None:
        _active.reporter.after_fork()
        _active.sampler = _sampler(_active.config, _active.counts)  # its lock may be held by a thread of the parent


_active: Tracer | None = None
os.register_at_fork(after_in_child=_after_fork)


def _sampler(config: Config, counts: Counts) -> Sampler:
    base: Sampler = RateSampler(config.sample)
    if config.sample_target > 0:
        base = TargetSampler(config.sample_target, config.clock or perf_counter_ns)
    rates: dict[str, float] = {}
    for rule in config.sample_operations:
        name, _, rate = rule.rpartition("=")
        try:
            rates[name] = min(1.0, max(0.0, float(rate)))
        except ValueError:
            counts.add("bad_settings")
    return OperationSampler(rates, base) if rates else base
