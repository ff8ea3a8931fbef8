#!/usr/bin/env python3
"""A complete worker over HTTP, with nothing but the standard library.

    python3 pull_worker.py --url http://localhost:8000 --name lab-1 --backend aiopslab

It runs one task at a time in solve(), which is what you replace. Around it stands everything that
a worker owes the service: a heartbeat of its own thread, claims that wait, log lines, results that
are repeated until they are known to have arrived, and a polite end. See docs/workers.md.

A service that demands tokens needs one with the scope `workers` in the variable QTASK_TOKEN.
"""

import argparse
import http.client
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

# Longer than the longest wait that the service allows.
HTTP_TIMEOUT = 75


class Refused(Exception):
    """The service answered, and would answer the same again."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status, self.code = status, problem.get("code")


class Stopped(Exception):
    """The task is not to be run any further: cancelled, lost, or the worker ends."""


class Failed(Exception):
    """There is no result: raise it in solve().

    `code` is a word for programs, such as unknown_problem. With `retry` another attempt could go better; without it
    the task has failed for good. `blame="worker"` says that this worker's environment is not fit: another worker gets
    the next attempt first, and after several in a row this one gets no tasks for a while.
    """

    def __init__(self, code, message, retry=False, blame="task"):
        super().__init__(message)
        self.report = {"code": code, "message": message, "retry": retry, "blame": blame}


class Service:
    def __init__(self, url, token=None):
        self.url, self.token = url.rstrip("/"), token

    def post(self, path, body, timeout=HTTP_TIMEOUT):
        """One call. An answer that is cut off on its way is as good as none: OSError."""
        try:
            return self.exchange(path, body, timeout)
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"no whole answer: {error!r}") from None

    def exchange(self, path, body, timeout):
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        if self.token:
            # A redirect to another host must not get it.
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
            if error.code >= 500:
                raise OSError(f"{error.code} {text[:200]!r}") from None
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {}
            raise Refused(error.code, problem) from None
        return json.loads(text) if text else None

    def post_until_answered(self, path, body, patience):
        """Repeats the call while the service is away: repeating is safe for all calls about a task."""
        give_up = time.monotonic() + patience
        while True:
            try:
                return self.post(path, body, timeout=10)
            except OSError as error:
                if time.monotonic() > give_up:
                    raise
                print(f"{path}: {error}; trying again", file=sys.stderr)
                time.sleep(1)


class Worker:
    def __init__(self, service, name, backends, stop_grace=0, lease=None):
        self.service, self.name, self.backends = service, name, backends
        self.stop_grace, self.lease = stop_grace, lease
        self.ending = threading.Event()  # the process is to end
        self.session_over = threading.Event()  # the session has ended; register anew
        self.stop_task = threading.Event()  # the task in hand is to be stopped
        self.in_hand = None  # the task that is being run

    def owner(self, task):
        return {"worker_id": self.name, "session_id": self.session_id, "attempt": task["attempt"]}

    def register(self):
        """Begins a session. The name is this worker's own, so that it may take it from an older self."""
        self.registered_at = time.monotonic()  # the lease is trusted from before the call on
        registered = self.service.post("/workers/register", {
            "worker_id": self.name,
            "backends": self.backends,
            # What stop_grace_seconds grants, the service adds before it takes a task away that is to be stopped.
            "capabilities": {"max_parallel_tasks": 1, "stop_grace_seconds": self.stop_grace},
            # Asked for: the answer says what is granted.
            **({"lease_seconds": self.lease} if self.lease else {}),
            "replace": True,
        })
        self.session_id = registered["session_id"]
        self.heartbeat_seconds = registered["heartbeat_seconds"]
        self.lease_seconds = registered["lease_seconds"]
        self.session_over.clear()
        print(f"registered as {self.name}", file=sys.stderr)

    def keep_alive(self):
        """Renews the lease. What cannot be renewed in time is stopped before others may take it."""
        trusted = self.lease_seconds - self.heartbeat_seconds
        renewed, pause = self.registered_at, self.heartbeat_seconds
        while not self.session_over.wait(pause):
            sent, task = time.monotonic(), self.in_hand
            left = renewed + trusted - sent
            try:
                # Half of what is left, to connect and to read each: by then the task is to be stopped.
                self.beat(task, timeout=max(left / 2, 0.1) if left > 0 else self.heartbeat_seconds)
                renewed = sent
            except Refused as refused:
                print(f"heartbeat: {refused}", file=sys.stderr)
                if refused.code == "session_replaced":
                    self.ending.set()  # another process has this name now
                self.session_over.set()
                self.stop_task.set()
            except Exception as error:  # whatever it was, this thread must not end before its session
                print(f"heartbeat: {error!r}", file=sys.stderr)
            left = renewed + trusted - time.monotonic()
            if left <= 0:
                self.stop_task.set()
            pause = self.heartbeat_seconds
            if renewed != sent:
                # Sooner than usual, and no later than the task is to be stopped.
                pause = min(pause / 5, left) if left > 0 else pause / 5

    def beat(self, task, timeout):
        """Sends one heartbeat, which names what is in hand: what is owned besides goes back to the line."""
        answer = self.service.post("/workers/heartbeat", {
            "worker_id": self.name,
            "session_id": self.session_id,
            "tasks": [task["task_id"]] if task else [],
        }, timeout=timeout)
        if task and task is self.in_hand and task["task_id"] in answer["cancel"] + answer["lost"]:
            self.stop_task.set()

    def run(self):
        while not self.ending.is_set():
            try:
                self.register()
            except OSError as error:
                print(f"cannot register: {error}", file=sys.stderr)
                self.ending.wait(2)
                continue
            heart = threading.Thread(target=self.keep_alive)
            heart.start()
            try:
                while not (self.ending.is_set() or self.session_over.is_set()):
                    self.take_one()
            finally:
                self.session_over.set()
                heart.join()

    def take_one(self):
        try:
            # Nothing is in hand, and it says so: what it owns all the same is answered again.
            claim = {"session_id": self.session_id, "wait": 20, "tasks": []}
            tasks = self.service.post(f"/workers/{self.name}/claim", claim)["tasks"]
        except Refused as refused:
            print(f"claim: {refused}", file=sys.stderr)
            self.session_over.set()
            return
        except OSError as error:
            print(f"claim: {error}", file=sys.stderr)
            self.ending.wait(1)
            return
        for task in tasks:
            self.stop_task.clear()
            self.in_hand = task
            try:
                self.attempt(task)
            except Refused as refused:
                # The lease is lost: others run it by now, and nothing is to be written any more.
                print(f"{task['task_id']}: {refused}", file=sys.stderr)
            except OSError as error:
                print(f"{task['task_id']}: given up, it will be retried: {error}", file=sys.stderr)
            finally:
                self.in_hand = None

    def attempt(self, task):
        try:
            result = solve(task, lambda message, **fields: self.log(task, message, **fields), self.pause)
            verdict, fields = "complete", {"result": result}
        except Stopped:
            # A cancelled task is cancelled by this; any other one goes to another worker.
            verdict, fields = "release", {}
        except Failed as failed:
            verdict, fields = "fail", failed.report
        except Exception as error:  # whatever solve() could not do may go better elsewhere
            verdict, fields = "fail", {"message": repr(error), "retry": True}
        path = f"/tasks/{task['task_id']}/{verdict}"
        self.service.post_until_answered(path, {**self.owner(task), **fields}, patience=300)
        print(f"{task['task_id']}: {verdict}", file=sys.stderr)

    def log(self, task, message, **fields):
        """Adds a line to the task's log. `progress` says how far it is; `output` is kept even if the task fails.

        A line that is lost is no reason to stop."""
        body = {**self.owner(task), "logs": [{"message": message}], **fields}
        try:
            self.service.post(f"/tasks/{task['task_id']}/logs", body, timeout=10)
        except OSError as error:
            print(f"log: {error}", file=sys.stderr)
        self.pause(0)

    def pause(self, seconds):
        """Sleeps in solve(), and wakes up when there is no reason to go on."""
        if self.stop_task.wait(seconds) or self.ending.is_set():
            raise Stopped()

    def end(self, *_):
        self.ending.set()
        self.stop_task.set()


def solve(task, log, pause):
    """The work itself: put your own here. Call pause() or log() often enough to be stopped in time."""
    if task["kind"] != "problem":
        raise Failed("unsupported_task", "this worker solves problems only")
    config = task["agent_config"]
    log("beginning", progress={"step": 0, "of": task["max_steps"]})
    pause(config.get("seconds", 0))
    if config.get("fail"):  # to try the endings: {"fail": {"code": "no_cluster", "message": "...", "blame": "worker"}}
        raise Failed(**config["fail"])
    log("solved", output={"steps": [task["problem_id"]]}, progress={"step": 1, "of": task["max_steps"]})
    return {"logs": [], "metrics": {"steps": 1}, "output": {"problem_id": task["problem_id"], "solved": True}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--name", required=True, help="unique among living workers")
    parser.add_argument("--backend", action="append", required=True, help="what it serves; repeat it for several")
    parser.add_argument("--stop-grace", type=float, default=5, metavar="SECONDS",
                        help="how long solve() may take to stop after it was told to (at most 600)")
    parser.add_argument("--lease", type=float, metavar="SECONDS",
                        help="how long the service may be out of reach without costing the attempt (at most 600)")
    given = parser.parse_args()
    service = Service(given.url, os.environ.get("QTASK_TOKEN"))
    worker = Worker(service, given.name, given.backend, given.stop_grace, given.lease)
    signal.signal(signal.SIGTERM, worker.end)
    signal.signal(signal.SIGINT, worker.end)
    worker.run()


if __name__ == "__main__":
    main()
