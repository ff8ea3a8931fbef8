"""Passes on to stderr a bounded part of what AIOpsLab, its libraries and their children print."""

import atexit
import os
import select
import threading
import time
from collections import deque

# A task's log has at most 10,000 lines and 8 MiB, most of which are for the steps.
FIRST_LINES = 2000
FIRST_BYTES = 1 << 20
LAST_LINES = 100
# Bytes of one line.
LINE_BYTES = 4096
# The most seconds to wait for the worker to read the last lines.
REST_SECONDS = 5
# The bytes that a pipe takes without blocking once it is writable.
PIECE = min(select.PIPE_BUF, 4096)


class Noise:
    """Replaces stdout and stderr by a pipe; writes its first lines at once and its last ones at the end.

    The pipe is read even if the worker does not read: a print neither blocks nor fails on a closed pipe.
    """

    def __init__(self):
        self._stderr = os.dup(2)
        self._from, to = os.pipe()
        os.dup2(to, 1)
        os.dup2(to, 2)
        os.close(to)
        self._lines = self._bytes = self._left_out = 0
        self._last = deque(maxlen=LAST_LINES)
        self._line = bytearray()
        self._pending = bytearray()
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        atexit.register(self.finish)

    def finish(self):
        """Writes the last lines, and how many are left out."""
        if self._ending:
            return
        self._ending = True
        os.write(2, b"\n")  # wakes the thread
        self._thread.join(2 * REST_SECONDS)
        os.dup2(self._stderr, 1)
        os.dup2(self._stderr, 2)

    def _run(self):
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        while not (self._ending and not poll.poll(0)):
            if self._pending:
                poll.register(self._stderr, select.POLLOUT)
            ready = dict(poll.poll())
            if self._pending:
                poll.unregister(self._stderr)
            if self._stderr in ready:
                self._write()
            if self._from in ready:
                self._read()
        self._end()

    def _read(self):
        self._line += os.read(self._from, 65536)
        *whole, rest = self._line.split(b"\n")
        for line in whole:
            self._take(bytes(line[:LINE_BYTES]))
        # The end of a line that is too long is dropped, one read at a time.
        self._line = rest[: LINE_BYTES + 1]

    def _take(self, line):
        if not line.strip():
            return
        if self._left_out == 0 and self._lines < FIRST_LINES and self._bytes + len(line) <= FIRST_BYTES:
            self._lines += 1
            self._bytes += len(line)
            self._pending += line + b"\n"
        else:
            self._left_out += 1
            self._last.append(line)

    def _end(self):
        self._take(bytes(self._line))
        missing = self._left_out - len(self._last)
        if missing:
            self._pending += f"... {missing} more lines that were printed are left out\n".encode()
        self._pending += b"".join(line + b"\n" for line in self._last)
        deadline = time.monotonic() + REST_SECONDS
        poll = select.poll()
        poll.register(self._stderr, select.POLLOUT)
        while self._pending and poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            self._write()

    def _write(self):
        try:
            del self._pending[: os.write(self._stderr, self._pending[:PIECE])]
        except OSError:
            # The worker has closed its end.
            self._pending.clear()
