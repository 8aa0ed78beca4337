"""What a server has used and taken so far, read off its metrics; the difference of two readings is a cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from hopline_deploy.remote import Remote, RemoteError


@dataclass(frozen=True, slots=True)
class Reading:
    """Sums since the server began; `store_bytes` is what all tables hold now."""

    cpu_s: float
    rows: float
    message_bytes: float
    blocks: float
    store_bytes: float

    def since(self, earlier: "Reading") -> "Reading":
        """What came between."""
        pairs = zip(self.values(), earlier.values(), strict=True)
        return Reading(*(mine - before for mine, before in pairs))

    def values(self) -> Iterator[float]:
        """In the order of the fields."""
        return (getattr(self, name) for name in self.__slots__)


def read(remote: Remote) -> Reading:
    """The metrics of a server that collects. Raises RemoteError."""
    text = remote.read("metrics").decode("utf-8", "replace")
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError as error:
        raise RemoteError(f"its /metrics cannot be read: {error}") from None
    if not any(family.name == "hopline_rows" for family in families):
        raise RemoteError("no collector runs there: its /metrics count no rows")
    samples = [sample for family in families for sample in family.samples]
    names = ("hopline_message_bytes_total", "hopline_block_rows_count", "hopline_store_bytes")
    return Reading(
        _sum(samples, "process_cpu_seconds_total"),
        _sum(samples, "hopline_rows_total", account="stored"),
        *(_sum(samples, name) for name in names),
    )


def _sum(samples: list[Sample], name: str, **labels: str) -> float:
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())
