"""One `hopline up` on a folder and a port, to be stopped and started again."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from hopline_deploy.ports import free_ports


class Server:
    """``kafka`` is a broker's address, empty = the journal."""

    def __init__(self, data: Path, kafka: str = "", *, fsync: bool = False) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        flags = ["--port", str(port), "--otlp-port", "0", "--data", str(data)]
        self._command = [sys.executable, "-m", "hopline_deploy", "up", *flags, *(["--kafka", kafka] if kafka else [])]
        self._environment = {**os.environ, "HOPLINE_FSYNC": str(int(fsync))}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """Start; returns the seconds until it was ready."""
        began = time.monotonic()
        self._process = subprocess.Popen(self._command, env=self._environment, stdout=subprocess.DEVNULL)
        while time.monotonic() < began + 60:
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=5.0).status_code == 200:
                    return time.monotonic() - began
            except httpx.HTTPError:
                pass
            time.sleep(0.02)
        raise RuntimeError("the server did not become ready")

    def stop(self) -> None:
        """End it and wait."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def received(self) -> int:
        """Rows in the ledger."""
        for line in httpx.get(f"{self.url}/metrics", timeout=30.0).text.splitlines():
            if line.startswith('hopline_ledger_rows{account="received"}'):
                return int(float(line.rpartition(" ")[2]))
        return 0
