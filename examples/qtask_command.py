"""What a program for `qtask work --command` has to say, and how: one JSON object on each line of stdout.

    task = qtask_command.start()
    qtask_command.log("begun")
    qtask_command.result({"00": 512}, {"seed": 7})

Standard library only. Tried with Python 3.11.
"""

import json
import math
import os
import sys
import threading

_out = None
_turn = threading.Lock()


class Failure(Exception):
    """The end of a task that did not succeed: a snake_case code, a message for people, and whether
    another attempt could end better."""

    def __init__(self, code, message, retry=False):
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry


def start():
    """Takes stdout for the protocol and returns the task.

    From here on whatever libraries and their children print goes to stderr, which the worker logs.
    """
    global _out
    _out = os.dup(1)
    os.dup2(2, 1)
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
    _say({"log": line})


def progress(**members):
    """How far the task has come; the last one said is the one shown."""
    _say({"progress": members})


def result(value, execution=None):
    """The task's result; the last one counts, when the program then exits with 0."""
    line = {"result": value}
    if execution is not None:
        line["execution"] = execution
    _say(line)


def fail(failure):
    """Ends the task as failed."""
    _say({"error": {"code": failure.code, "message": failure.message, "retry": failure.retry}})


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


def _say(line):
    data = encoded(line) + b"\n"
    with _turn:
        while data:
            data = data[os.write(_out, data) :]
