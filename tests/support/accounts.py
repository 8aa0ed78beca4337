"""The accounting identity of C8, read from a running process as an operator would: through /metrics."""

import httpx

from support.waiting import wait_until

RECEIVED = 'hopline_ledger_rows{account="received"}'


def gauge(url: str, name: str) -> float:
    """The value of one line of /metrics; an `AssertionError` when it is not there or nothing answers."""
    try:
        text = httpx.get(f"{url}/metrics", timeout=60).text
    except httpx.TransportError as error:
        raise AssertionError(f"{url} does not answer: {error!r}") from error
    for line in text.splitlines():
        if line.startswith(name + " "):
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no {name} in /metrics of {url}")


def wait_handed_over(url: str, interval: float = 0.02) -> None:
    """Wait until all that a process took is in every table: rows show in one table before they do in the next.

    Of Kafka's messages those count that it has read. It is asked every `interval` seconds.
    """
    names = ("hopline_data_age_seconds ", "hopline_journal_bytes ")

    def nothing_waits() -> bool:
        lines = httpx.get(f"{url}/metrics", timeout=60, verify=False).text.splitlines()
        waiting = [float(line.rpartition(" ")[2]) for line in lines if line.startswith(names)]
        return bool(waiting) and not any(waiting)

    wait_until(nothing_waits, interval=interval, what="all rows handed over")


def assert_balanced(url: str, received: int | None = None, deadline: float = 60.0) -> None:
    """Received = stored + rejected + dead + sampled out + duplicate, over the ledger; and exactly `received` rows.

    A store that is busy may not answer at once; a sum that is not 0 is wrong at any moment.
    """
    difference, count = wait_until(
        lambda: (gauge(url, "hopline_ledger_imbalance"), gauge(url, RECEIVED)), deadline, what="ledger sums"
    )
    assert difference == 0
    assert received is None or count == received
