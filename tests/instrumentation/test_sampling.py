import random

import pytest

import hopline
from hopline import tracer as tracing
from hopline.ids import RANDOM_BITS
from hopline.sampling import OperationSampler, RateSampler, TargetSampler
from hopline.testing import Recorder


def trace_ids(count: int) -> list[int]:
    """Trace ids, the same in each run."""
    source = random.Random(7)
    return [1 << RANDOM_BITS | source.getrandbits(RANDOM_BITS) for _ in range(count)]


def kept(sampler, ids, name="op") -> list[int]:
    return [trace for trace in ids if sampler.weight(trace, name)]


def test_rate_keeps_its_share_with_its_weight():
    """I7: a rate keeps that share of the traces, and each weighs 1000 / rate."""
    ids = trace_ids(20_000)
    sampler = RateSampler(0.1)
    assert 1_800 < len(kept(sampler, ids)) < 2_200
    assert {sampler.weight(trace, "") for trace in ids} == {0, 10_000}
    assert kept(RateSampler(1.0), ids) == ids
    assert kept(RateSampler(0.0), ids) == []
    assert RateSampler(0.0001).weight((1 << 56) - 1, "") == 10_000_000


def test_rates_nest():
    """I7: the decision is a hash of the trace id: what a lower rate keeps, a higher one keeps too."""
    ids = trace_ids(5_000)
    assert set(kept(RateSampler(0.05), ids)) <= set(kept(RateSampler(0.2), ids))


def test_operations_have_rates_of_their_own():
    """I7: per operation; 'GET /health=0,POST /pay=1'."""
    with Recorder(sample=0.0, sample_operations="POST /pay=1") as recorder:
        with hopline.span("POST /pay"):
            pass
        with hopline.span("GET /"):
            pass
        assert [row.name for row in recorder.spans] == ["POST /pay"]
    ids = trace_ids(100)
    assert kept(OperationSampler({"op": 0.0}, RateSampler(1.0)), ids) == []


def test_target_adapts_each_second():
    """I7: a target of traces/s becomes a rate adjusted each second, so that the weight is known."""
    now = [0]
    sampler = TargetSampler(100, lambda: now[0])
    per_second = []
    ids = iter(trace_ids(10_000))
    for second in range(5):
        now[0] = second * 1_000_000_000
        weights = []
        for n in range(2_000):
            now[0] = second * 1_000_000_000 + n * 500_000
            weights.append(sampler.weight(next(ids), ""))
        per_second.append([w for w in weights if w])
    assert len(per_second[0]) == 2_000
    for weights in per_second[2:]:
        assert 60 < len(weights) < 150
        assert abs(sum(weights) / 1000 - 2_000) < 800


def test_debug_forces_the_sample():
    """I7: a debug flag from the caller forces the trace."""
    with Recorder(sample=0.0) as recorder:
        hopline.server_send(hopline.server_recv("op", {"b3": f"{'a' * 32}-{'b' * 16}-d"}))
        assert recorder.one(name="op").flags == 3


def test_debug_travels():
    """I7: a forced trace stays forced on all later hops, also where a service decides for itself."""
    with Recorder(sample=0.0, follow_inbound=False) as recorder:
        headers = {"b3": f"{'a' * 32}-{'b' * 16}-d"}
        for service in ("first", "second", "third"):
            row = hopline.server_recv(service, headers)
            headers = hopline.inject({})
            hopline.server_send(row)
        assert [(row.name, row.flags) for row in recorder.spans] == [("first", 3), ("second", 3), ("third", 3)]


@pytest.mark.parametrize(
    ("sender", "flags", "forced"), [("10.1.2.3", "01", True), ("8.8.8.8", "01", False), ("10.1.2.3", "00", False)]
)
def test_whose_debug_counts(sender, flags, forced):
    """I7, P5: debug in hop counts from trusted senders only, beside a set sampled flag."""
    headers = [
        (b"traceparent", f"00-{'a' * 32}-{'b' * 16}-{flags}".encode()),
        (b"tracestate", f"hop={'b' * 16};0.1;;a;z;i;op;d".encode()),
    ]
    for receive in ("receive", "receive_http"):
        with Recorder(sample=0.0, follow_inbound=False) as recorder:
            tracer = tracing.active()
            more = {"operation": str} if receive == "receive_http" else {}
            with getattr(tracer, receive)("op", headers, sender=sender, **more):
                pass
            assert [row.flags for row in recorder.spans] == ([3] if forced else [])


def test_weight_travels():
    """I7: the root's weight goes with the trace and is on every row."""
    with Recorder(sample=0.5) as recorder:
        while not recorder.spans:
            with hopline.span("root"), hopline.span("child"):
                headers = hopline.inject({})
        hopline.server_send(hopline.server_recv("callee", headers))
        assert {row.weight for row in recorder.spans} == {2_000}
