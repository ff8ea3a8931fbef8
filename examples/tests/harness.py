"""Runs a program as `qtask work --command` would: a group and an empty directory of its own, a clean
environment, the task on stdin."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent
# No test may take longer, however slow the machine.
LIMIT_SECONDS = 60
# Runs a program where it can have no mount namespace: the limits of a user namespace are its own.
WITHOUT_NAMESPACES = [
    "unshare", "--user", "--map-root-user", "sh", "-c",
    'echo 0 > /proc/sys/user/max_mnt_namespaces && echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh",
]


class Program:
    """A running program; close it, or use it in a `with`."""

    def __init__(self, words, task, *, reads=True, **environment):
        self.directory = tempfile.TemporaryDirectory(prefix="qtask-example-")
        home = os.path.join(self.directory.name, "work")
        os.mkdir(home)
        clean = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": home, "QTASK_WORKER": "w1"}
        clean |= {"QTASK_TASK_ID": task.get("task_id", ""), "QTASK_ATTEMPT": "1", **environment}
        self.process = subprocess.Popen(
            words, cwd=home, env=clean, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self._limit = threading.Timer(LIMIT_SECONDS, self._kill)
        self._limit.start()
        self._noise = bytearray()
        self._wake, self._hang_up = os.pipe()
        # Read beside, so that a full pipe stops nobody.
        self._reader = threading.Thread(target=self._read_noise)
        if reads:
            self._reader.start()
        self.lines = []
        self.process.stdin.write(json.dumps(task).encode())
        self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._limit.cancel()
        self._kill()
        self.process.wait()
        if self._reader.ident:
            self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        os.close(self._wake)
        os.close(self._hang_up)
        self.directory.cleanup()

    def end(self):
        """Reads to the end and returns the last result or error."""
        self.lines += [json.loads(raw) for raw in self.process.stdout]
        code = self.process.wait()
        answers = [line for line in self.lines if "result" in line or "error" in line]
        if code != 0 or not answers:
            raise AssertionError(f"exit {code}, {self.lines}, stderr: {self.noise()}")
        return answers[-1]

    def stop(self):
        """What the worker does at a cancel."""
        os.killpg(self.process.pid, signal.SIGTERM)

    def hang_up(self):
        """Closes the worker's ends, as its death does."""
        self.process.stdout.close()
        os.write(self._hang_up, b"x")
        self._reader.join()
        self.process.stderr.close()

    def noise(self):
        """All of stderr, once the program has ended."""
        self._reader.join()
        return self._noise.decode()

    def _read_noise(self):
        stderr = self.process.stderr.fileno()
        while self._wake not in select.select([stderr, self._wake], [], [])[0]:
            data = os.read(stderr, 65536)
            if not data:
                return
            self._noise.extend(data)

    def _kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Journal:
    """Events of a stand-in, through a named pipe: a test can wait for one."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = str(path)
        # Open for both, so that it does not end whenever a writer closes it.
        self._pipe = os.open(path, os.O_RDWR)
        self._unread = b""
        self.events = []

    def close(self):
        os.close(self._pipe)

    def until(self, event):
        """Waits for an event."""
        while event not in self.events:
            if not self._take(LIMIT_SECONDS):
                raise AssertionError(f"no {event!r} after {self.events}")

    def all(self):
        """Every event, once the program has ended."""
        while self._take(0):
            pass
        return self.events

    def _take(self, seconds):
        if not select.select([self._pipe], [], [], seconds)[0]:
            return False
        *whole, self._unread = (self._unread + os.read(self._pipe, 65536)).split(b"\n")
        self.events += [line.decode() for line in whole]
        return True


def python(program, *words):
    """The words that run an example with the Python of the tests."""
    return [sys.executable, str(EXAMPLES / program), *words]


def namespaces_work():
    """Whether this machine lets its users have them."""
    try:
        return subprocess.run([*WITHOUT_NAMESPACES, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
