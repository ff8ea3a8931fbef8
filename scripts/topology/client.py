"""The requests of the checks, and the load under which they upgrade."""

import http.client
import json
import threading
import time
import uuid

WAIT_SECONDS = 120
ENDED = ("completed", "failed", "cancelled")


class Refused(Exception):
    """An answer other than a success."""

    def __init__(self, request, status, text):
        super().__init__(f"{request}: {status} {text}")
        self.status = status


# What a request may meet while a process starts or stops.
FAULTS = (OSError, http.client.HTTPException, Refused)


def wait_until(what, condition):
    """Returns the first true value of the condition. Faults of its requests count as false."""
    deadline = time.monotonic() + WAIT_SECONDS
    fault = None
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
            fault = None
        except FAULTS as error:
            fault = error
        time.sleep(0.05)
    raise AssertionError(f"waited for {WAIT_SECONDS} s until {what}" + (f": {fault}" if fault else ""))


class Api:
    """The API at an address (host, port)."""

    def __init__(self, address):
        self.address = address

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(*self.address, timeout=35)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(f"{method} {path}", response.status, text.decode(errors="replace"))
        return json.loads(text)

    def healthy(self):
        health = self.call("GET", "/health")
        return health if health["status"] == "healthy" else None

    def submit(self, **task):
        return self.call("POST", "/tasks", task)["task_id"]

    def finished(self, task_id):
        def read():
            task = self.call("GET", f"/tasks/{task_id}?wait=20")
            return task if task["status"] in ENDED else None

        return wait_until(f"task {task_id} has ended", read)

    def online_workers(self):
        workers = self.call("GET", "/workers?limit=100")["workers"]
        return [worker for worker in workers if worker["status"] in ("idle", "busy")]

    def count(self, tag):
        count, page = 0, {"next_cursor": ""}
        while (cursor := page.get("next_cursor")) is not None:
            position = f"&cursor={cursor}" if cursor else ""
            page = self.call("GET", f"/tasks?tag={tag}&limit=100{position}")
            count += len(page["tasks"])
        return count


class Load:
    """Submits circuits in two threads until the end of its `with`. A quarter goes to the backend `mock`, whose tasks last.

    A submission that was not answered is repeated with the same key: it makes one task.
    """

    def __init__(self, address, circuit):
        self.api = Api(address)
        self.circuit = circuit
        self.tag = f"load-{uuid.uuid4().hex[:8]}"
        self.tasks = []
        self.refusals = []
        self.fault = None
        self.is_stopped = threading.Event()
        self.threads = [threading.Thread(target=self.submit_all, daemon=True) for _ in range(2)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_stopped.set()
        for thread in self.threads:
            thread.join()
        self.accepted()

    def accepted(self):
        """The number of tasks. Raises the fault that ended a thread."""
        if self.fault:
            raise AssertionError(f"a submission failed: {self.fault}")
        return len(self.tasks)

    def longest_refusal(self):
        """The longest time from a request without success to the next success, in seconds."""
        return max(self.refusals, default=0.0)

    def submit_all(self):
        number = 0
        try:
            while not self.is_stopped.wait(0.02):
                number += 1
                backend = "simulator" if number % 4 else "mock"
                self.tasks.append(self.submit(backend))
        except FAULTS as error:
            self.fault = error

    def submit(self, backend):
        task = {"circuit": self.circuit, "shots": 1, "backend": backend, "tags": [self.tag]}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        failed_at = None
        while True:
            try:
                task_id = self.api.call("POST", "/tasks", task, key)["task_id"]
                if failed_at is not None:
                    self.refusals.append(time.monotonic() - failed_at)
                return task_id
            except FAULTS as fault:
                failed_at = failed_at or time.monotonic()
                is_final = isinstance(fault, Refused) and fault.status < 500
                if is_final or time.monotonic() - failed_at > WAIT_SECONDS:
                    raise
                time.sleep(0.02)
