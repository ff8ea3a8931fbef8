"""Starts, restarts and removes a service in a directory of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import urllib3

_ROOT = Path(__file__).parents[3]
_EXECUTABLE = os.environ.get("QTASK_EXECUTABLE", str(_ROOT / "target/debug/qtask"))
_START_LIMIT = 60.0
_STOP_LIMIT = 30.0


class Service:
    """`qtask dev`: API and worker in one process, with a private PostgreSQL."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="qtask-client-")
        # The private PostgreSQL runs as another user if root starts it.
        os.chmod(self._directory.name, 0o755)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        directory = Path(self._directory.name)
        arguments = ["dev", "--port", str(self.port), "--data-dir", str(directory / "data")]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QTASK_")}
        with (directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_EXECUTABLE, *arguments], env=kept, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + _START_LIMIT
        while not self._is_ready():
            assert self._process.poll() is None, (directory / "log").read_text()
            assert time.monotonic() < deadline, (directory / "log").read_text()
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            return urllib3.request("GET", f"{self.url}/readyz", retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def kill(self) -> None:
        """Ends the process as a crash does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(_STOP_LIMIT)

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_LIMIT)

    def remove(self) -> None:
        self.stop()
        self._directory.cleanup()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
