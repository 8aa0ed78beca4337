"""The tracer: begins roots, entries and calls, and knows the settings they follow."""

import os
from binascii import unhexlify
from collections.abc import Callable
from typing import Any, Final

from hopline import config as settings
from hopline.children import slow_path_child
from hopline.config import Config
from hopline.context import get_current
from hopline.counts import Counts
from hopline.entry import NO_CALLER, Entry
from hopline.errors import SettingError
from hopline.ids import FRAGMENT, RANDOM_BITS, new_trace_id, random_bits, span_hex, trace_hex, within_limits
from hopline.lazy_unsampled import LazyUnsampledSpan
from hopline.noop import NOOP, IgnoredSpan, UnsampledSpan
from hopline.propagation import fast_path, inbound
from hopline.propagation.baggage import Baggage
from hopline.propagation.fast_path import FastContext
from hopline.propagation.inbound import HeaderPair, Headers, Remote
from hopline.propagation.outbound import is_trusted
from hopline.propagation.traceparent import RANDOM_FLAG
from hopline.propagation.tracestate import otel_weight
from hopline.report import Reporter
from hopline.sampling import OperationSampler, RateSampler, sampler_of
from hopline.spans import Span, notice_first_child
from hopline.text import as_text
from hopline.transports.create import create_transport
from hopline.transports.discard import DiscardTransport
from hopline.vocabulary import CALL_KINDS, DEBUG, SAMPLED, WEIGHT_ONE

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
        self.process = reporter.process
        self.counts: Counts = reporter.counts
        self.sampler = sampler_of(config)
        self.rules = self.sampler if isinstance(self.sampler, OperationSampler) else None
        self._keeps_all = isinstance(self.sampler, RateSampler) and config.sample == 1
        self._follows = config.accept_inbound is True and config.follow_inbound
        self._wall = self.process.wall
        self.ignored_paths = frozenset(config.ignore_paths)
        self.service_header = config.service.encode()

    @property
    def enabled(self) -> bool:
        """Whether anything is traced; the kill switch sets it."""
        return self.process.enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self.process.enabled = enabled

    def root(self, name: str, kind: str, tags: dict[str, str]) -> Span:
        """First row of a new trace, not yet begun."""
        if not self.process.enabled:
            return NOOP
        trace_id = (self._wall() // _SECOND & 0xFFFFFFFF) << RANDOM_BITS | random_bits(RANDOM_BITS)
        weight = WEIGHT_ONE if self._keeps_all else self.sampler.weight(trace_id, name)
        if not weight:
            entry = Entry(self.process, trace_id, name, "0", 0, 0)
            entry.random = RANDOM_FLAG
            return UnsampledSpan(entry, random_bits(64), kind)
        reporter = self.reporter
        if reporter.thread is None or len(reporter.buffer) >= reporter.capacity:
            reporter.admit()
        entry = Entry(self.process, trace_id, name, "0", 0, SAMPLED, weight)
        entry.random = RANDOM_FLAG
        return Span(entry, None, 0, random_bits(64), name, kind, tags)

    def receive(
        self, name: str, headers: Headers, kind: str = "server", *, debug: bool = False, sender: str | None = None
    ) -> Span:
        """Entry row of a request or message that came with ``headers``, not yet begun.

        ``sender`` is the address it came from, if one is known: a stranger's word on
        its sampling rate does not count.
        """
        if not self.process.enabled:
            return NOOP
        try:
            remote, baggage = inbound.extract(headers, self.config.baggage_bytes, self.counts.add)
            hop = remote.hop if remote is not None else None
            if remote is not None and (remote.debug or (hop is not None and hop.weight != WEIGHT_ONE)):
                remote.trusted = self._trusts(sender)
            return self.enter(name, remote, baggage, kind, debug=debug, accepts=self._accepts(sender))
        except Exception as error:
            return broken(error)

    def receive_http(
        self, name: str, headers: list[HeaderPair], sender: str | None, operation: Callable[[], str]
    ) -> Span:
        """:meth:`receive` for pairs of bytes with names in lower case, as ASGI has them: the shortest way in.

        ``operation`` names the work to callees, once its route is known.
        """
        if not self.process.enabled:
            return NOOP
        try:
            known = fast_path.read(headers) if self._follows else None
            if known is None or known is fast_path.NOTHING:
                span = self.receive(name, headers, sender=sender) if known is None else self.enter(name, None, None)
                if span is not NOOP:
                    span.entry.operation = operation
            elif known[2] & SAMPLED:
                reporter = self.reporter
                if reporter.thread is None or len(reporter.buffer) >= reporter.capacity:
                    reporter.admit()
                span = Span(self.entry_of(known, sender, operation), None, 0, random_bits(64), name, "server", {})
                if known[3] is None or (known[3][1] != WEIGHT_ONE and not self._trusts(sender)):
                    span.tags[RATE_TAG] = "unknown"
            else:
                span = LazyUnsampledSpan(self.process, self.entry_of, known, sender, operation)
            return span
        except Exception as error:
            return broken(error)

    def ignore(self, name: str, headers: Headers, operation: Callable[[], str]) -> Span:
        """What stands for a request that the settings ignore: it hands on that its trace is not sampled."""
        remote, baggage = inbound.extract(headers, self.config.baggage_bytes, self.counts.add)
        known = remote is not None and remote.trace_id and self.config.accept_inbound is True
        entry = self._continued(remote, name) if known and remote is not None else self._new(name)
        if baggage is not None:
            entry.receive(baggage)
        entry.operation = operation
        entry.flags &= ~(SAMPLED | DEBUG)
        return IgnoredSpan(entry, random_bits(64), "server")

    def _new(self, name: str) -> Entry:
        entry = Entry(self.process, new_trace_id(self._wall() // _SECOND), name)
        entry.random = RANDOM_FLAG
        return entry

    def entry_of(self, known: FastContext, sender: str | None, operation: Callable[[], str]) -> Entry:
        """What the spans of a trace share that came from ``sender`` by headers that the fast path has read."""
        parent, plain, flags, caller, uid = known
        path, weight, names = caller or (FRAGMENT, WEIGHT_ONE, NO_CALLER)
        if weight != WEIGHT_ONE and not self._trusts(sender):
            weight = WEIGHT_ONE
        entry = Entry(self.process, 0, operation, path, int(parent[36:52], 16), flags & SAMPLED, weight)
        entry.raw_id = unhexlify(parent[3:35])
        entry.caller = names
        entry.random = flags & RANDOM_FLAG
        if uid:
            entry.uid = uid.decode()
            entry.plain = plain
        elif plain:
            entry.receive_plain(plain)
        return entry

    def _trusts(self, sender: str | None) -> bool:
        return sender is None or is_trusted(sender, self.config.trusted_hosts)

    def _accepts(self, sender: str | None) -> bool:
        """Whether a trace of ``sender`` is continued; one that is not known is no trusted one."""
        accepting = self.config.accept_inbound
        if isinstance(accepting, bool):
            return accepting
        return sender is not None and is_trusted(sender, self.config.trusted_hosts)

    def enter(
        self,
        name: str,
        remote: Remote | None,
        baggage: Baggage | None,
        kind: str = "server",
        *,
        debug: bool = False,
        accepts: bool = True,
    ) -> Span:
        """Entry row caused by ``remote``, or first row of a new trace without it, or where it is not accepted."""
        if remote is not None and not remote.trace_id and not accepts:
            remote = None
        if remote is None or not remote.trace_id:
            entry = self._new(name)
        elif not accepts or (remote.hop is not None and not within_limits(remote.hop.path)):
            return self._restart(name, remote, kind)
        else:
            entry = self._continued(remote, name)
        if baggage is not None:
            entry.receive(baggage)
        if debug or (remote is not None and remote.debug and (remote.trusted or self.config.follow_inbound)):
            entry.flags |= DEBUG | SAMPLED
        elif remote is None or remote.flags is None or not self.config.follow_inbound:
            return self._decide(entry, name, kind, {})
        elif not remote.flags & SAMPLED:
            entry.flags &= ~SAMPLED
            return UnsampledSpan(entry, random_bits(64), kind)
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
        entry = Entry(self.process, remote.trace_id, name, path, remote.parent_id)
        entry.tracestate = remote.others
        entry.random = remote.random
        if hop is not None:
            entry.weight = hop.weight if remote.trusted else WEIGHT_ONE
            entry.caller = (hop.service, hop.instance, hop.zone, hop.operation)
        return entry

    def _restart(self, name: str, remote: Remote, kind: str) -> Span:
        """New trace that links to the one it came from: a public edge, or too deep."""
        self.counts.add("restarted_traces")
        entry = self._new(name)
        span = self._decide(entry, name, kind, {})
        span.link(trace_hex(remote.trace_id), span_hex(remote.parent_id), "client")
        return span

    def _decide(self, entry: Entry, name: str, kind: str, tags: dict[str, str]) -> Span:
        weight = WEIGHT_ONE if self._keeps_all else self.sampler.weight(entry.trace_id, name)
        if not weight:
            entry.flags &= ~SAMPLED
            return UnsampledSpan(entry, random_bits(64), kind)
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
    root: bool = False,
) -> Span:
    """A span around the work of a ``with`` block: a child of the current one, or a new trace.

    ``root`` begins a new trace whatever is current.

    ``kind`` is one of :data:`hopline.model.KINDS`; ``peer`` names the far end of a
    client or producer span, ``peer_kind`` what it is (service, db, mq, cache, external).
    """
    try:
        parent = get_current()
        if root and parent is not NOOP:
            parent = None
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
                made = slow_path_child(parent, number, name, kind, {} if tags is None else _texts(tags))
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
    """Outgoing call seen by a hook: the no-op inside another call, whose row already stands for it.

    Outside any span it begins a trace, unless the setting ``only_below_parent`` forbids that.
    """
    parent = get_current()
    if parent is None:
        if active().config.only_below_parent:
            return NOOP
    elif parent.kind in CALL_KINDS:
        return NOOP
    return span(name, kind=kind, peer=peer, peer_kind=peer_kind)


def broken(error: Exception) -> Span:
    """The no-op, after an error of our own: counted and warned about, never the application's."""
    tracer = active()
    tracer.counts.add("client_errors")
    tracer.process.warner.warn("span", f"something goes untraced: {type(error).__name__}: {error}")
    return NOOP


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
    tracer = build(config, problems)
    for problem in problems:
        tracer.counts.add("bad_settings")
        tracer.process.warner.warn(problem, problem)
    if _active is not None:
        _active.reporter.close(config.exit_timeout_s)
        tracer.reporter.take_over(_active.reporter)
    activate(tracer)
    return tracer


def build(config: Config, problems: list[str]) -> Tracer:
    """A tracer with the transport that ``config.endpoint`` names; one that cannot be made is added to ``problems``."""
    counts = Counts()
    try:
        transport = create_transport(config, counts)
    except SettingError as error:
        problems.append(f"setting {error}; rows are discarded")
        transport = DiscardTransport(counts)
    except Exception as error:  # an extra that is not installed
        problems.append(f"setting endpoint: {type(error).__name__}: {error}; rows are discarded")
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
        notice_first_child(get_current())
        _active.sampler = sampler_of(_active.config)  # its lock may be held by a thread of the parent


_active: Tracer | None = None
os.register_at_fork(after_in_child=_after_fork)
