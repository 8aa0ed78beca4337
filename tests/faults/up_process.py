"""`hopline` whose first insert runs until it is stopped: ``python up_process.py ARGUMENTS-OF-HOPLINE``.

It says ``inserting`` when the engine is at it.
"""

import sys
from typing import Any

from hopline_collector.store.writer import ClickHouseWriter
from hopline_deploy.cli import main

ENDLESS = "INSERT INTO FUNCTION null('n UInt64') SELECT number FROM numbers(1000000000000) WHERE cityHash64(number) = 7"


def write_for_ever(writer: Any, *_: Any) -> None:
    with writer._store.writer() as handle:
        sys.stderr.write("inserting\n")
        handle.command(ENDLESS)


if __name__ == "__main__":
    ClickHouseWriter.write = write_for_ever  # type: ignore[method-assign]
    main()
