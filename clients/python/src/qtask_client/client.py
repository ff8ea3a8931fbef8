"""The client: submits tasks and reads their results."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

from .batches import batches
from .errors import ServiceError, UnreachableError
from .http import Connection
from .model import Result, Task
from .progress import progress_bar
from .settings import checked_url, token_from_environment

_LOCAL_URLS = ("http://localhost:8000", "http://localhost:8001")
_WAIT = 20.0
# A task may end before an older one: after this time the list of ended tasks is read.
_FIRST_WAIT = 1.0
_PAGE = 100
_JOB_TAG = "job:"


class Client:
    """A client of one service. Without arguments it finds a service on this machine."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        insecure: bool | None = None,
        patience: float = 120.0,
        ca_file: str | None = None,
    ) -> None:
        """Reads omitted arguments from the environment.

        The variables are those of the command line: `QTASK_URL`, `QTASK_TOKEN`, `QTASK_TOKEN_FILE`,
        `QTASK_CA_FILE` and `QTASK_INSECURE`.

        `patience` is the time in seconds for which requests are repeated while the service is away.
        """
        token = token or token_from_environment()
        if insecure is None:
            insecure = os.environ.get("QTASK_INSECURE", "").lower() in ("1", "true", "yes", "on")
        ca_file = ca_file or os.environ.get("QTASK_CA_FILE") or None
        url = url or os.environ.get("QTASK_URL") or _local_url()
        self._connection = Connection(checked_url(url, token, insecure), token, patience, ca_file)

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._connection.url

    def __enter__(self) -> Client:
        """Returns the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        self.close()

    def __repr__(self) -> str:
        """Shows the address; never the token."""
        return f"Client({self.url!r})"

    def close(self) -> None:
        """Closes the connections."""
        self._connection.close()

    def submit(self, circuit: str | None = None, **options: Any) -> Task:
        """Submits a circuit, or a problem (`problem_id=...`). Options are the fields of `POST /tasks`."""
        answer = self._connection.post("/tasks", _submission(circuit, options))
        return Task.of({**answer, "name": options.get("name")})

    def submit_many(
        self, submissions: Iterable[Mapping[str, Any]], *, job_id: str | None = None
    ) -> list[Task]:
        """Submits tasks of one job, as few requests as the limits of the service allow; in the given order.

        Each batch is accepted or refused as a whole. If one is refused, those before it are cancelled.
        """
        tag = _JOB_TAG + (job_id or str(uuid.uuid4()))
        tasks: list[Task] = []
        tagged = ({**item, "tags": [*item.get("tags", []), tag]} for item in submissions)
        try:
            for batch in batches(tagged):
                answer = self._connection.post("/tasks/batch", {"tasks": batch})
                tasks += [
                    Task.of({**task, "name": item.get("name"), "tags": item["tags"]})
                    for task, item in zip(answer["tasks"], batch, strict=True)
                ]
        except BaseException:
            self.cancel(tasks)
            raise
        return tasks

    def run(self, circuit: str, **options: Any) -> Result:
        """Submits a circuit and waits for its result."""
        return self.wait(self.submit(circuit, **options)).result()

    def map(
        self, circuits: Iterable[str], *, seed: int | None = None, progress: bool = False, **options: Any
    ) -> list[Result | None]:
        """Runs many circuits; results in the order of the circuits, `None` for those that failed.

        The seed of a circuit is `seed` plus its index.
        """
        submissions = [_submission(circuit, options) for circuit in circuits]
        if seed is not None:
            for index, submission in enumerate(submissions):
                submission["seed"] = seed + index
        tasks = self.submit_many(submissions)
        ended = {task.id: task for task in self.results(tasks, progress=progress)}
        in_order = (ended[task.id] for task in tasks)
        return [task.result() if task.status == "completed" else None for task in in_order]

    def wait(self, task: Task | str, timeout: float | None = None) -> Task:
        """Returns the task once it has ended, or its state after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._asking_whether_to_cancel([task]):
            while True:
                left = _WAIT if deadline is None else deadline - time.monotonic()
                current = self.get(task, wait=max(0.0, min(left, _WAIT)))
                if current.has_ended or (deadline is not None and time.monotonic() >= deadline):
                    return current

    def get(self, task: Task | str, *, wait: float = 0.0, include: Sequence[str] = ()) -> Task:
        """Reads a task; answers when it has ended, or after `wait` seconds.

        `include` names large parts: `circuit`, `parameters`.
        """
        query = [("wait", str(max(1, round(wait))))] if wait > 0 else []
        if include:
            query.append(("include", ",".join(include)))
        return Task.of(self._connection.get(f"/tasks/{_id(task)}", query, wait))

    def results(self, tasks: Iterable[Task | str], *, progress: bool = False) -> Iterator[Task]:
        """Yields the tasks as they end, with their results. Continues through restarts of the service."""
        waiting: dict[str, Task | str] = {_id(task): task for task in tasks}
        with self._asking_whether_to_cancel(waiting.values()), progress_bar(len(waiting), progress) as bar:
            while waiting:
                first = next(iter(waiting))
                task = self.get(first, wait=_FIRST_WAIT)
                ended = [task] if task.has_ended else [self.get(ended) for ended in self._ended_of(waiting)]
                for task in ended:
                    del waiting[task.id]
                    bar.update(1)
                    yield task

    def job_tasks(self, job_id: str) -> list[Task]:
        """Lists the tasks of a job with their metadata, without results; the oldest first."""
        return list(self.tasks(tag=_JOB_TAG + job_id, sort="submitted_at"))

    def tasks(self, **filters: Any) -> Iterator[Task]:
        """Lists tasks; filters are the query parameters of `GET /tasks`."""
        query = [(name, str(value)) for name, value in filters.items()]
        query.append(("limit", str(_PAGE)))
        cursor: list[tuple[str, str]] = []
        while True:
            page = self._connection.get("/tasks", query + cursor)
            yield from map(Task.of, page["tasks"])
            if not page.get("next_cursor"):
                return
            cursor = [("cursor", page["next_cursor"])]

    def cancel(self, tasks: Task | str | Iterable[Task | str]) -> int:
        """Cancels tasks, or asks their workers to stop; returns the number of tasks that had not ended."""
        cancelled = 0
        for task in [tasks] if isinstance(tasks, Task | str) else tasks:
            try:
                self._connection.delete(f"/tasks/{_id(task)}")
                cancelled += 1
            except ServiceError as error:
                if error.code != "task_already_terminal":
                    raise
        return cancelled

    def cancel_job(self, job_id: str) -> int:
        """Cancels all tasks of a job; returns the number of tasks that had not ended."""
        request: dict[str, Any] = {
            "filter": {"status": ["pending", "retrying", "processing"], "tags": [_JOB_TAG + job_id]}
        }
        number = 0
        while True:
            answer: dict[str, Any] = self._connection.post("/tasks/cancel", request)
            number += int(answer["cancelled"]) + int(answer["cancel_requested"])
            if not answer.get("next_after"):
                return number
            request = {**request, "after": answer["next_after"], "as_of": answer["as_of"]}

    def logs(self, task: Task | str) -> Iterator[dict[str, Any]]:
        """Yields the log lines of a task, the oldest first."""
        query: list[tuple[str, str]] = []
        while True:
            page = self._connection.get(f"/tasks/{_id(task)}/logs", query)
            yield from page["logs"]
            if page.get("next_after") is None:
                return
            query = [("after", str(page["next_after"]))]

    def backends(self) -> list[dict[str, Any]]:
        """Lists the backends, with their workers and waiting tasks."""
        items: list[dict[str, Any]] = []
        query: list[tuple[str, str]] = []
        while True:
            page = self._connection.get("/backends", query)
            items += page["backends"]
            if not page.get("next_cursor"):
                return items
            query = [("cursor", page["next_cursor"])]

    def problems(self, **filters: Any) -> Iterator[Task]:
        """Lists the tasks that are problems."""
        return self.tasks(kind="problem", **filters)

    def check(self, circuit: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Checks a circuit without running it: mistakes, gates, depth and memory."""
        document: dict[str, Any] = {"circuit": circuit}
        if parameters is not None:
            document["parameters"] = dict(parameters)
        answer: dict[str, Any] = self._connection.post("/circuits/check", document)
        return answer

    def _ended_of(self, waiting: Mapping[str, Task | str]) -> Iterator[str]:
        tags = {tag for task in waiting.values() for tag in _job_tags(task)}
        loose = [key for key, task in waiting.items() if not _job_tags(task)]
        yield from [task.id for task in map(self.get, loose) if task.has_ended]
        for tag in tags:
            ended = [task.id for task in self.tasks(tag=tag, status="completed,failed,cancelled")]
            yield from [key for key in ended if key in waiting]

    def _asking_whether_to_cancel(self, tasks: Iterable[Task | str]) -> _Interruption:
        return _Interruption(self, tasks)


class _Interruption:
    """On Ctrl-C, asks on a terminal whether to cancel the tasks that are still waited for."""

    def __init__(self, client: Client, tasks: Iterable[Task | str]) -> None:
        self._client = client
        self._tasks = tasks

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not KeyboardInterrupt or not sys.stdin.isatty():
            return
        tasks = list(self._tasks)
        try:
            answer = input(f"\nCancel {len(tasks)} task(s)? Otherwise they continue. [y/N] ")
        except (EOFError, KeyboardInterrupt):
            return
        if answer.strip().lower() in ("y", "yes"):
            self._client.cancel(tasks)


def _submission(circuit: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    document = {name: value for name, value in options.items() if value is not None}
    return document if circuit is None else {"circuit": circuit, **document}


def _id(task: Task | str) -> str:
    return task.id if isinstance(task, Task) else quote(task, safe="")


def _job_tags(task: Task | str) -> Iterable[str]:
    tags = task.document.get("tags", []) if isinstance(task, Task) else []
    return [tag for tag in tags if tag.startswith(_JOB_TAG)]


def _local_url() -> str:
    for url in _LOCAL_URLS:
        connection = Connection(url, None, 0)
        try:
            connection.get("/livez")
        except (UnreachableError, ServiceError, ValueError):
            continue
        finally:
            connection.close()
        return url
    return _LOCAL_URLS[1]
