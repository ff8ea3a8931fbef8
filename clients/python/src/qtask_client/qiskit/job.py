"""A job of circuits as one of Qiskit's."""

from __future__ import annotations

import json
from typing import Any

from qiskit import QuantumCircuit
from qiskit.providers import JobStatus, JobV1
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from ..errors import UsageError
from ..model import Task
from .layout import Layout


def header_of(circuit: QuantumCircuit, layout: Layout) -> dict[str, Any]:
    """Returns what the service keeps of a circuit, so that another process can read the result."""
    try:
        metadata = json.loads(json.dumps(circuit.metadata or {}))
    except (TypeError, ValueError) as error:
        raise UsageError(f"the metadata of circuit {circuit.name!r} cannot be written as JSON") from error
    return {
        "name": circuit.name,
        "metadata": metadata,
        "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
        "memory_slots": circuit.num_clbits,
        "layout": layout.registers,
    }


class QtaskJob(JobV1):
    """Circuits that were submitted together."""

    _async = True

    def __init__(self, backend: Any, job_id: str, tasks: list[Task]) -> None:
        """Takes the tasks in the order of the circuits."""
        super().__init__(backend, job_id)
        self._client = backend.client
        self._tasks = tasks
        self._result: Result | None = None

    @property
    def tasks(self) -> list[Task]:
        """The tasks, as they were submitted."""
        return self._tasks

    def submit(self) -> None:
        """Fails: the backend has submitted the job."""
        raise UsageError("the job is submitted already")

    def result(self, progress: bool = False) -> Result:
        """Waits for all circuits. A circuit that failed has its error in `status` and no counts."""
        if self._result is None:
            ended = {task.id: task for task in self._client.results(self._tasks, progress=progress)}
            experiments = [_experiment(ended[task.id]) for task in self._tasks]
            succeeded = sum(experiment.success for experiment in experiments)
            whole = succeeded == len(experiments)
            self._result = Result(
                backend_name=self._backend.name,
                job_id=self._job_id,
                success=whole,
                results=experiments,
                status="COMPLETED" if whole else f"{succeeded} of {len(experiments)} circuits completed",
            )
        return self._result

    def cancel(self) -> bool:
        """Cancels the circuits that have not ended; tells whether there were any."""
        return bool(self._client.cancel_job(self._job_id))

    def status(self) -> JobStatus:
        """Returns the status of the whole job: an error if a circuit failed, once all have ended."""
        statuses = {task.status for task in self._client.job_tasks(self._job_id)}
        if "processing" in statuses or ("completed" in statuses and statuses & {"pending", "retrying"}):
            return JobStatus.RUNNING
        if statuses & {"pending", "retrying"}:
            return JobStatus.QUEUED
        if "cancelled" in statuses:
            return JobStatus.CANCELLED
        return JobStatus.ERROR if "failed" in statuses else JobStatus.DONE

    def _repr_html_(self) -> str:
        return f"<b>job {self._job_id}</b>: {len(self._tasks)} circuit(s), {self.status().name}"


def _experiment(task: Task) -> ExperimentResult:
    header = task.document["metadata"]["qiskit"]["header"]
    shots = int(task.document["shots"])
    shown = {name: value for name, value in header.items() if name != "layout"}
    if error := task.error:
        return ExperimentResult(
            shots, False, ExperimentResultData(), status=f"ERROR: {error.message}", header=shown
        )
    result = task.result()
    layout = Layout(header["memory_slots"], header["layout"])
    counts = layout.outcomes(result.execution, result.counts)
    data: dict[str, Any] = {"counts": {hex(value): count for value, count in counts.items()}}
    if "memory" in result.execution:
        data["memory"] = [hex(value) for value in layout.samples(result.execution)]
    return ExperimentResult(
        shots, True, ExperimentResultData(**data), status="DONE", seed=result.seed, header=shown
    )
