"""Jobs: partial failures, restored jobs, outages, cancellation, large memory, bit order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.exceptions import QiskitError
from qiskit.providers import JobStatus
from service import Service

from qtask_client import Client
from qtask_client.qiskit import QtaskBackend, QtaskProvider, SamplerV2


def _coin(name: str = "coin") -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1, name=name, metadata={"made": name})
    circuit.h(0)
    circuit.measure(0, 0)
    return circuit


def _too_wide() -> QuantumCircuit:
    circuit = QuantumCircuit(60, 1)
    circuit.ry(0.1, range(60))
    circuit.measure(0, 0)
    return circuit


def _values(text: str) -> QuantumCircuit:
    circuit = QuantumCircuit(len(text), len(text))
    for place, bit in enumerate(reversed(text)):
        if bit == "1":
            circuit.x(place)
    circuit.measure(range(len(text)), range(len(text)))
    return circuit


def test_three_bad_circuits_of_a_thousand_leave_the_others_their_results(backend: QtaskBackend) -> None:
    bad = {7, 500, 999}
    circuits = [_too_wide() if index in bad else _values(f"{index:010b}") for index in range(1_000)]
    result = backend.run(circuits, shots=3).result()
    assert not result.success
    assert result.status == "997 of 1000 circuits completed"
    assert {index for index, item in enumerate(result.results) if not item.success} == bad
    assert "qubits" in result.results[500].status
    with pytest.raises(QiskitError):
        result.get_counts(500)
    for index in set(range(1_000)) - bad:
        assert result.get_counts(index) == {f"{index:010b}": 3}


def test_circuits_of_a_job_have_seeds_of_their_own(backend: QtaskBackend) -> None:
    def counts() -> list[dict[str, int]]:
        return backend.run([_coin()] * 6, shots=1_000, seed_simulator=42).result().get_counts()

    first = counts()
    assert len({item["0"] for item in first}) > 1
    assert counts() == first


def test_a_job_is_restored_in_another_process(backend: QtaskBackend, service: Service) -> None:
    job = backend.run([_coin("a"), _coin("b")], shots=50, seed_simulator=1)
    code = (
        "import sys; from qtask_client.qiskit import QtaskBackend\n"
        "result = QtaskBackend(url=sys.argv[1]).retrieve_job(sys.argv[2]).result()\n"
        "print(result.get_counts(), [item.header['metadata'] for item in result.results])"
    )
    arguments = [sys.executable, "-c", code, service.url, job.job_id()]
    source = str(Path(__file__).parents[1] / "src")
    shown = subprocess.run(arguments, env={"PYTHONPATH": source}, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == f"{job.result().get_counts()} [{{'made': 'a'}}, {{'made': 'b'}}]"


def test_a_job_outlasts_a_crash_of_the_service(service: Service) -> None:
    backend = QtaskProvider(Client(service.url)).get_backend()
    job = backend.run([_values(f"{index:09b}") for index in range(300)], shots=5)
    service.kill()
    service.start()
    result = job.result()
    assert result.success
    assert [next(iter(counts)) for counts in result.get_counts()] == [f"{i:09b}" for i in range(300)]
    assert job.status() is JobStatus.DONE


def _slow() -> QuantumCircuit:
    circuit = QuantumCircuit(24)
    for layer in range(200):
        circuit.ry(0.1 + layer, range(24))
        circuit.cx(range(23), range(1, 24))
    circuit.measure_all()
    return circuit


def test_a_cancelled_job_ends(backend: QtaskBackend) -> None:
    job = backend.run([_slow()] * 5, shots=10)
    assert job.cancel()
    result = job.result()
    assert not any(item.success for item in result.results)
    assert job.status() is JobStatus.CANCELLED
    assert not job.cancel()


def test_a_million_shots_have_their_memory(backend: QtaskBackend) -> None:
    circuit = QuantumCircuit(10)
    circuit.h(range(10))
    circuit.measure_all()
    result = backend.run(circuit, shots=1_000_000, memory=True, seed_simulator=3).result()
    memory = result.get_memory()
    assert len(memory) == 1_000_000
    counts = result.get_counts()
    assert sum(counts.values()) == 1_000_000
    assert memory.count("0000000001") == counts["0000000001"]


def test_bits_of_several_registers_are_in_the_order_of_qiskit(backend: QtaskBackend) -> None:
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(2, "first"), ClassicalRegister(3, "second")
    )
    circuit.x(0)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.cregs[0], 2)):
        circuit.x(1)
    circuit.measure(1, 2)
    circuit.reset(0)
    circuit.measure(0, 4)
    result = backend.run(circuit, shots=4, memory=True).result()
    assert result.get_counts() == {"001 10": 4}
    assert result.get_memory() == ["001 10"] * 4


def test_the_sampler_has_a_bit_array_for_each_register_and_point(backend: QtaskBackend) -> None:
    from qiskit.circuit import Parameter  # noqa: PLC0415

    angle = Parameter("θ[0]")
    circuit = QuantumCircuit(
        QuantumRegister(11, "q"), ClassicalRegister(1, "one"), ClassicalRegister(10, "ten")
    )
    circuit.rx(angle, 0)
    circuit.x([1, 10])
    circuit.measure(0, 0)
    circuit.measure(range(1, 11), range(1, 11))
    pi = 3.141592653589793
    job = SamplerV2(backend, seed=1).run([(circuit, [[[0.0], [pi]], [[pi], [0.0]]])], shots=20)
    data = job.result()[0].data
    assert data.one.shape == (2, 2)
    assert [data.one.get_counts(place) for place in ((0, 0), (0, 1), (1, 0), (1, 1))] == [
        {"0": 20},
        {"1": 20},
        {"1": 20},
        {"0": 20},
    ]
    assert data.ten.get_counts() == {"1000000001": 80}
