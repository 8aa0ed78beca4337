"""What is said of a trace that thinning took."""

import pytest

from hopline_query.errors import NotFoundError
from hopline_query.params import QuerySettings
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader

TRACE = "6921c0de0123456789abcdef01234567"
FOREIGN = "00000000000000000123456789abcdef"
OTHER = "6921c0de0123456789abcdef01234568"
DAY = 86_400_000_000
NOW = 0x6921C0DE * 1_000_000 + 12 * DAY


@pytest.fixture(params=["twin", "store"])
def service(request, engine) -> QueryService:
    with engine.writer() as handle:
        rows = [[NOW, bytes.fromhex(trace)] for trace in (TRACE, FOREIGN)]
        handle.insert(f"{engine.database}.thinned", rows, column_names=["run", "trace_id"])
    twin = MemoryReader(thinned=[TRACE, FOREIGN])
    reader = twin if request.param == "twin" else ClickHouseReader(engine)
    return QueryService(reader, clock=lambda: NOW, settings=QuerySettings(retention_us=30 * DAY))


@pytest.mark.parametrize(
    ("trace", "reason", "says"),
    [
        (TRACE, "thinned", "^made 12 days ago; of such old days only failed, slow and chosen traces and a sample are"),
        (FOREIGN, "thinned", "^of such old days only failed"),
        (OTHER, "not_received", "it was not sampled, or was lost"),
    ],
)
def test_a_404_tells_thinning_from_loss(service, trace, reason, says):
    """C7, Q1: what a rule took on purpose was not lost."""
    with pytest.raises(NotFoundError, match=says) as told:
        service.trace(trace)
    assert told.value.detail["reason"] == reason
