"""The figures of a whole trace: one definition for lists, headers and exports."""

from hypothesis import given
from hypothesis import strategies as st

from hopline.model import DEBUG, LOAD_TEST, SAMPLED
from hopline_query.tree.build import build_tree
from hopline_query.tree.header import header
from hopline_query.tree.summary import QUIET_US, Failure, summarize
from support.any_rows import NOW, any_row


def whole(rows, **options):
    return summarize(build_tree(rows, now_us=NOW, **options))


def test_took_is_the_roots_and_extent_is_everything(row):
    """T15: the root answered after 10 ms, and work nobody waited for went on until 420 ms."""
    rows = [
        row("0", "a", None, "server", dur=10, children=1),
        row("0.1", "p", "a", "producer", at=2, dur=1),
        row("0.1", "c", "p", "consumer", service="B", at=400, dur=20),
    ]
    figures = whole(rows)
    assert (figures.duration_us, figures.extent_us) == (10_000, 420_000)
    assert figures.end_us - figures.start_us == figures.extent_us


def test_without_a_root_took_is_the_extent(row):
    """T5, T15: no root came, so nothing tells how long it took but what did come."""
    rows = [row("0.1", "b", "ff", "server", at=3, dur=5), row("0.2", "c", "ff", "server", at=10, dur=10)]
    figures = whole(rows)
    assert figures.rootless
    assert figures.duration_us == figures.extent_us == 17_000
    assert (figures.service, figures.name) == ("a", "op 0.1")


def test_an_unfinished_root_took_what_has_passed(row):
    """T15, T10: a root that is still open has lasted until the newest end that is known."""
    figures = whole([row("0", "a", None, "server", dur=None), row("0.1", "b", "a", at=5, dur=30)])
    assert (figures.duration_us, figures.unfinished, figures.rootless) == (35_000, 1, False)


def test_copies_count_once(row):
    """T8, T10: spans are rows with their copies united; a finished copy settles the unfinished one."""
    early, late = row("0", "a", None, "server", dur=None), row("0", "a", None, "server", dur=10, error=True)
    figures = whole([early, late, late])
    assert (figures.spans, figures.nodes, figures.errors, figures.unfinished) == (1, 1, 1, 0)
    assert figures.services == (("a", 1, 1),)


def test_errors_are_calls_and_services_count_rows(row):
    """T1: a call that failed on both sides is one error, and a failing row of each service."""
    rows = [
        row("0", "a", None, "server", children=1),
        row("0.1", "b", "a", "client", at=1, error=True, error_type="HTTP504"),
        row("0.1", "c", "b", "server", service="B", at=2, error=True, error_type="Timeout", error_text="slow"),
    ]
    figures = whole(rows)
    assert (figures.spans, figures.nodes, figures.errors) == (3, 2, 1)
    assert figures.services == (("a", 2, 1), ("B", 1, 1))
    assert figures.failure == Failure("B", "op 0.1", "Timeout", "slow", "000000000000000c")
    assert not figures.root_error


def test_the_failure_is_the_deepest_then_the_earliest(row):
    """Q2: of two failures of one depth the one that began first, told by the side that failed."""
    rows = [
        row("0", "a", None, "server", children=2, error=True),
        row("0.1", "b", "a", "client", at=6, error=True, error_type="late"),
        row("0.2", "c", "a", "client", at=3, error=True, error_type="early"),
        row("0.2", "d", "c", "server", service="B", at=4),
    ]
    failure = whole(rows).failure
    assert failure is not None
    assert (failure.service, failure.error_type) == ("a", "early")


def test_a_two_sided_root_is_named_by_its_caller(row):
    """T1, N14: a gateway whose client span shares the root's id names the trace, and both services count."""
    rows = [
        row("", "a", None, "client", service="envoy-front", name="egress", dur=30),
        row("", "a", None, "server", service="orders", name="POST /orders", at=5, dur=10),
    ]
    figures = whole(rows)
    assert (figures.service, figures.name, figures.duration_us) == ("envoy-front", "egress", 30_000)
    assert [service for service, _, _ in figures.services] == ["envoy-front", "orders"]
    assert figures.operations == (("envoy-front", "egress"), ("orders", "POST /orders"))


def test_facts_of_the_rows(row):
    """Q2: users, environments, versions, flags and weight are those of any row; the status is the root's."""
    rows = [
        row("0", "a", None, "server", uid="u-2", env="prod", tags={"http.response.status_code": "504"}, weight=2_000),
        row("0.1", "b", "a", uid="u-1", version="1.4", flags=SAMPLED | DEBUG | LOAD_TEST, arrived=NOW),
        row("0.2", "c", "a", version="1.4", tags={"http.response.status_code": "200"}),
    ]
    figures = whole(rows)
    assert (figures.uids, figures.envs, figures.versions) == (("u-1", "u-2"), ("prod",), (("a", "1.4"),))
    assert (figures.load_test, figures.debug, figures.weight, figures.status) == (True, True, 2_000, "504")
    assert figures.arrived == NOW


def test_running_until_quiet(row):
    """T12: what is incomplete runs for 30 s after its newest row; what is whole does not."""
    open_ended = whole([row("0", "a", None, "server", dur=None, arrived=NOW)])
    assert open_ended.running(NOW + QUIET_US - 1)
    assert not open_ended.running(NOW + QUIET_US)
    assert not whole([row("0", "a", None, "server", arrived=NOW)]).running(NOW)


def test_nothing(row):
    """T17: no rows have no figures, and no crash."""
    figures = whole([])
    assert (figures.spans, figures.duration_us, figures.failure, figures.rootless) == (0, 0, None, True)


@given(st.lists(any_row(), max_size=25), st.randoms(use_true_random=False))
def test_the_summary_is_a_function_of_the_set_of_rows(rows, random):
    """T21: order and copies never show; the figures fit together and are the header's."""
    tree = build_tree(rows, now_us=NOW)
    figures = summarize(tree)
    shuffled = rows + random.sample(rows, len(rows) // 2)
    random.shuffle(shuffled)
    assert whole(shuffled) == figures
    assert figures.spans == sum(count for _, count, _ in figures.services) == tree.rows
    assert figures.extent_us == figures.end_us - figures.start_us >= 0
    assert (figures.errors > 0) == (figures.failure is not None) == any(f for _, _, f in figures.services)
    top = header(tree)
    for field in ("duration_us", "extent_us", "start_us", "end_us", "spans", "nodes", "errors", "service", "name"):
        assert top[field] == getattr(figures, field)
