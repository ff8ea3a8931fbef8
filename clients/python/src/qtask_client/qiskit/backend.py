"""A backend of the service as one of Qiskit's."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import BreakLoopOp, ContinueLoopOp, ForLoopOp, IfElseOp, SwitchCaseOp, WhileLoopOp
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target

from ..client import Client
from ..errors import UsageError
from .export import BASIS_GATES, export
from .job import QtaskJob, header_of

_CONTROL_FLOW = {
    "if_else": IfElseOp,
    "for_loop": ForLoopOp,
    "while_loop": WhileLoopOp,
    "switch_case": SwitchCaseOp,
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
}


class QtaskBackend(BackendV2):
    """Runs circuits on a backend of the service."""

    def __init__(self, client: Client | None = None, name: str = "simulator", **settings: Any) -> None:
        """Takes a client, or the arguments of one."""
        super().__init__(name=name, description=f"backend {name} of qtask")
        self.client = client or Client(**settings)
        self._target = _target()

    @property
    def target(self) -> Target:
        """The gates of the simulator, between any qubits."""
        return self._target

    @property
    def max_circuits(self) -> None:
        """Any number of circuits."""
        return

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=1024, seed_simulator=None, memory=False)

    def run(self, run_input: QuantumCircuit | Iterable[QuantumCircuit], **options: Any) -> QtaskJob:
        """Submits circuits as one job.

        Options: `shots`, `memory`, `seed_simulator` (circuit number i has the seed plus i), and those of
        a task: `priority`, `timeout_seconds`, `max_attempts`, `callback_url`.
        """
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else list(run_input)
        chosen = {**dict(self.options), **options}
        shots, seed, memory = chosen.pop("shots"), chosen.pop("seed_simulator"), chosen.pop("memory")
        job_id = str(uuid.uuid4())
        submissions = []
        for index, circuit in enumerate(circuits):
            if circuit.parameters:
                names = ", ".join(parameter.name for parameter in circuit.parameters)
                raise UsageError(f"circuit {circuit.name!r} has parameters without values: {names}")
            exported = export(circuit)
            header = header_of(circuit, exported.layout)
            submission = {
                "circuit": exported.text,
                "backend": self.name,
                "shots": shots,
                "memory": bool(memory),
                "name": circuit.name[:200],
                "metadata": {"qiskit": {"index": index, "circuits": len(circuits), "header": header}},
                **{name: value for name, value in chosen.items() if value is not None},
            }
            if seed is not None:
                submission["seed"] = seed + index
            submissions.append(submission)
        tasks = self.client.submit_many(submissions, job_id=job_id)
        return QtaskJob(self, job_id, tasks)

    def retrieve_job(self, job_id: str) -> QtaskJob:
        """Returns a job that another process submitted."""
        tasks = [task for task in self.client.job_tasks(job_id) if "qiskit" in task.document["metadata"]]
        if not tasks:
            raise UsageError(f"{self.client.url} has no job {job_id}")
        tasks.sort(key=lambda task: int(task.document["metadata"]["qiskit"]["index"]))
        expected = tasks[0].document["metadata"]["qiskit"]["circuits"]
        if len(tasks) != expected:
            raise UsageError(f"of job {job_id} only {len(tasks)} of {expected} circuits exist")
        return QtaskJob(self, job_id, tasks)


def _target() -> Target:
    return Target.from_configuration(
        basis_gates=[*BASIS_GATES, "measure", "reset", "delay", *_CONTROL_FLOW],
        custom_name_mapping=_CONTROL_FLOW,
    )
