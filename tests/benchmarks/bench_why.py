"""How often the planted cause is first among what differs, and how often nothing is found where nothing is planted."""

import argparse
import time
from collections import Counter

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from support.planted import KINDS, shop
from support.shops import START

HOUR_US = 3_600_000_000
SLOW = {"from": str(START - 1), "to": str(START + HOUR_US), "service": "checkout", "min_span_duration": "400ms"}


def main() -> None:
    """Run the sets and print one line a kind, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=100, help="data sets with a planted cause, and as many without")
    parser.add_argument("--calls", type=int, default=600, help="checkouts of one data set")
    options = parser.parse_args()
    first: Counter[str] = Counter()
    third: Counter[str] = Counter()
    sets: Counter[str] = Counter()
    began = time.perf_counter()
    for seed in range(options.sets):
        kind = KINDS[seed % len(KINDS)]
        place = _place(seed, kind, options.calls)
        sets[kind] += 1
        first[kind] += place == 1
        third[kind] += 0 < place <= 3
    quiet = sum(_place(10_000 + seed, "", options.calls) < 0 for seed in range(options.sets))
    for kind in KINDS:
        print(f"{kind:10} first {first[kind]:3} of {sets[kind]:3}, in the first three {third[kind]:3}")
    print(f"planted    first {first.total()} of {options.sets}, in the first three {third.total()}")
    print(f"nothing    found {options.sets - quiet} times in {options.sets} sets without a cause")
    print(f"{time.perf_counter() - began:.0f} s, {options.calls} calls a set")


def _place(seed: int, kind: str, calls: int) -> int:
    """The place of the planted cause, 0 where it is not found; -1 where there are no findings at all."""
    planted = shop(seed, kind, calls)
    findings = QueryService(MemoryReader(planted.rows), clock=lambda: START + HOUR_US).differs(SLOW)["findings"]
    return planted.found_at(findings) if findings else -1


if __name__ == "__main__":
    main()
