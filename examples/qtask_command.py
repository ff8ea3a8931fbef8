"""What a program for `qtask work --command` has to say, and how: one JSON object on each line of stdout.

    task = qtask_command.start()
    qtask_command.log("begun")
    qtask_command.result({"00": 512}, {"seed": 7})

Standard library only. Tried with Python 3.11.
"""

import atexit
import json
import math
import os
import queue
import sys
import threading
import time

# Lines that may wait for a worker that does not read; the program waits from then on.
MAX_WAITING = 1000
# Seconds in which the last lines are written when the program ends.
LAST_LINES_SECONDS = 10

_lines = None


class Failure(Exception):
    """The end of a task that did not succeed: a snake_case code, a message for people, whether another
    attempt could end better, and whether this worker is to blame ("worker"), so that another worker
    should make that attempt."""

    def __init__(self, code, message, retry=False, blame=None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry
        self.blame = blame


def start():
    """Takes stdout for the protocol and returns the task.

    From here on whatever libraries and their children print goes to stderr, which the worker logs.
    """
    global _lines
    _lines = _Writer(os.dup(1))
    atexit.register(finish)
    os.dup2(2, 1)
    # A print that waits in a buffer comes late, or never if the program is killed.
    sys.stdout.reconfigure(line_buffering=True)
    raw = sys.stdin.buffer.read()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    try:
        task = json.loads(raw)
    except ValueError as error:
        raise Failure("invalid_task", f"stdin holds no JSON document: {error}") from None
    if not isinstance(task, dict):
        raise Failure("invalid_task", "the task on stdin is no JSON object")
    return task


def log(message, level="info", context=None):
    """One line of the task's log."""
    line = {"level": level, "message": str(message)}
    if context:
        line["context"] = context
    _lines.put({"log": line})


def progress(**members):
    """How far the task has come; the last one said is the one shown."""
    _lines.put({"progress": members})


def output(value):
    """What the attempt has produced so far: a JSON object. The last one is kept, however the attempt ends."""
    _lines.put({"output": value})


def result(value, execution=None):
    """The task's result; the last one counts, when the program then exits with 0."""
    line = {"result": value}
    if execution is not None:
        line["execution"] = execution
    _lines.put(line)


def fail(failure):
    """Ends the task as failed."""
    error = {"code": failure.code, "message": failure.message, "retry": failure.retry}
    if failure.blame is not None:
        error["blame"] = failure.blame
    _lines.put({"error": error})


def finish(seconds=LAST_LINES_SECONDS):
    """Waits until every line is written. Runs by itself at exit, but not at os._exit."""
    if _lines is not None:
        _lines.finish(seconds)


def is_cut_off():
    """Whether the worker has closed its end of stdout."""
    return _lines is not None and _lines.is_closed


def encoded(value):
    """A value as one line of JSON that PostgreSQL's jsonb takes as well."""
    text = json.dumps(_clean(value), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace")


def _clean(value):
    # jsonb knows no NUL, and JSON neither NaN nor infinity.
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(each) for each in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return _clean(value.tolist())
    return _clean(str(value))


class _Writer:
    """Writes lines in a thread of its own.

    An exception that a signal raises in the main thread cannot cut a line off in its middle, and a worker
    that has closed its end or does not read blocks neither the program nor its clean-up.
    """

    def __init__(self, descriptor):
        self.is_closed = False
        self._descriptor = descriptor
        # Its put() is one step: a signal cannot leave it half done.
        self._waiting = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, line):
        while self._waiting.qsize() > MAX_WAITING and not self.is_closed:
            time.sleep(0.05)
        self._waiting.put(encoded(line) + b"\n")

    def finish(self, seconds):
        self._waiting.put(None)
        self._thread.join(seconds)

    def _run(self):
        while (data := self._waiting.get()) is not None:
            try:
                while data and not self.is_closed:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                self.is_closed = True
