"""A real ClickHouse server, HTTP and native TCP, as this process.

``python -P clickhouse_main.py LIBRARY FOLDER HTTP_PORT TCP_PORT CONFIG``: the library that
``deploy/setup/clickhouse.sh`` fetches holds the whole of clickhouse-local behind one entry
point, which takes the arguments of the command and returns when its last query ends. Two
statements open the servers and a third one never ends. SIGTERM and SIGKILL end it.

Not there, because there is no Keeper: replication and ``ON CLUSTER``. Shards are genuine.
"""

import ctypes
import sys

library, folder, http_port, tcp_port, config = sys.argv[1:]

STATEMENTS = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP;"
    "SELECT sleepEachRow(3) FROM numbers(1000000)"
    " SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0"
)

arguments = [
    *("clickhouse", "--multiquery", "--output-format=TabSeparated", "--listen_host=127.0.0.1"),
    *(f"--path={folder}", f"--http_port={http_port}", f"--tcp_port={tcp_port}", f"--config-file={config}"),
    f"--query={STATEMENTS}",
]
entry = ctypes.CDLL(library).query_stable_v2
entry.restype = ctypes.c_void_p
entry.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
encoded = [argument.encode() for argument in arguments]
entry(len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))
