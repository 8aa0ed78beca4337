"""What every calling hook does, each tried with its real library."""

import gc
from collections.abc import Callable, Iterator

import pytest

import hopline
from hopline.context import Active
from hopline.testing import Recorder
from support.contract import clients
from support.contract.client import Calls, Subject

SUBJECTS = clients.SUBJECTS


@pytest.fixture
def env(request) -> Callable[[str], object]:
    return request.getfixturevalue


@pytest.fixture
def calls(subject, install, env) -> Iterator[Calls]:
    install(*subject.hooks)
    with Recorder(service="setup"):  # what the library does once, on its first call
        calls = subject.use(env)
        calls.good()
    yield calls
    with Recorder(service="end"):
        calls.close()
    del calls
    gc.collect()


def rows(recorder: Recorder, subject: Subject) -> list:
    return [row for row in recorder.spans if row.kind == subject.kind]


def test_one_row_a_call(subject, calls):
    """I4, M4: a call is one row below the current span, named and with its far end."""
    with Recorder(service="shop") as recorder, hopline.span("work") as work:
        calls.good()
        [row] = rows(recorder, subject)
    assert (row.parent_id, row.span_id, row.error) == (work.id, "0.1", False)
    assert {name: getattr(row, name) for name in calls.row} == calls.row


def test_a_failure_fails_the_row(subject, calls):
    """I4: what fails is a failed row, and what the library raises is raised unchanged."""
    with Recorder() as recorder, hopline.span("work"):
        with pytest.raises(calls.error):
            calls.bad()
        found = rows(recorder, subject)
    assert [row.error for row in found] == [True] * len(found)
    assert found
    assert found[0].error_type


def test_silent_inside_another_call(subject, calls):
    """M4: inside a call that has a row there is no second one."""
    with Recorder() as recorder, hopline.span("work"), hopline.span("my protocol", kind=subject.kind):
        calls.good()
    assert [row.name for row in rows(recorder, subject)] == ["my protocol"]


def test_outside_any_span_a_call_begins_a_trace(subject, calls):
    """M2: a call outside any span is the root of a trace."""
    with Recorder() as recorder:
        calls.good()
        [row] = rows(recorder, subject)
    assert (row.parent_id, row.span_id) == (None, "0")


def test_only_below_a_parent_by_setting(subject, calls):
    """I4: HOPLINE_ONLY_BELOW_PARENT: outside any span a call makes no row, inside one it does."""
    with Recorder(only_below_parent=True) as recorder:
        calls.good()
        assert rows(recorder, subject) == []
        with hopline.span("work"):
            calls.good()
        assert len(rows(recorder, subject)) == 1


def test_unsampled_traces_make_no_row(subject, calls):
    """I7: nothing is recorded below an unsampled root."""
    with Recorder(sample=0) as recorder:
        with hopline.span("work"):
            calls.good()
        assert recorder.spans == []


def test_disabled_changes_nothing(subject, calls):
    """I10: the kill switch: no row."""
    with Recorder() as recorder:
        hopline.disable()
        calls.good()
        assert recorder.spans == []


def test_our_failures_are_not_the_applications(subject, calls, monkeypatch):
    """I10: whatever of ours fails, the call succeeds, and a counter rises."""
    with Recorder() as recorder, hopline.span("work"):
        for place in ("hopline.spans.Span.begin", "hopline.spans.Span.finish", "hopline.propagation.outbound.headers"):
            with monkeypatch.context() as patch:
                patch.setattr(place, lambda *_, **__: 1 // 0)
                calls.good()
        events = recorder.counters()["events"]
    assert events.get("hook_errors", 0) + events.get("client_errors", 0) > 0


def test_leaves_the_current_span_alone(subject, calls):
    """I5: after a call, good or bad, the span before it is current."""
    with Recorder(), hopline.span("work") as work:
        calls.good()
        assert hopline.current_span() is work
        with pytest.raises(calls.error):
            calls.bad()
        assert hopline.current_span() is work


def test_uninstall_restores_the_original(subject, calls):
    """I4: a hook installs to the same place twice, and lets go of it."""
    hopline.uninstall(*subject.hooks)
    original = subject.patched() if subject.patched else None
    hopline.install(*subject.hooks)
    hopline.install(*subject.hooks)
    if subject.patched:
        assert subject.patched() is not original
    hopline.uninstall(*subject.hooks)
    if subject.patched:
        assert subject.patched() is original
    with Recorder() as recorder, Active(None):
        calls.good()
        assert rows(recorder, subject) == []
