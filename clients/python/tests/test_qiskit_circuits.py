"""Distributions of circuits of all kinds, against Aer."""

from __future__ import annotations

import pytest
from circuits import KINDS
from qiskit import transpile
from qiskit.result import Result
from qiskit_aer import AerSimulator

from qtask_client import QtaskError
from qtask_client.qiskit import QtaskBackend

_SHOTS = 20_000


def _distance(ours: dict[str, int], theirs: dict[str, int]) -> float:
    keys = ours.keys() | theirs.keys()
    return sum(abs(ours.get(key, 0) - theirs.get(key, 0)) for key in keys) / 2 / _SHOTS


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[str, int]]:
    simulator = AerSimulator(seed_simulator=11, max_parallel_threads=1)
    counts = {}
    # The property builds a new target each time.
    target = simulator.target
    for name, make in KINDS.items():
        circuit = transpile(make(), target=target, optimization_level=0, num_processes=1)
        counts[name] = simulator.run(circuit, shots=_SHOTS).result().get_counts()
    return counts


@pytest.fixture(scope="module")
def as_they_are(backend: QtaskBackend) -> Result:
    return backend.run([make() for make in KINDS.values()], shots=_SHOTS, seed_simulator=5).result()


@pytest.fixture(scope="module")
def transpiled(backend: QtaskBackend) -> Result:
    circuits = [transpile(make(), backend, optimization_level=1, num_processes=1) for make in KINDS.values()]
    return backend.run(circuits, shots=_SHOTS, seed_simulator=5, memory=True).result()


def test_there_are_sixty_circuits() -> None:
    assert len(KINDS) >= 60


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("way", ["as_they_are", "transpiled"])
def test_a_circuit_has_the_distribution_of_aer(
    name: str, way: str, expected: dict[str, dict[str, int]], request: pytest.FixtureRequest
) -> None:
    result: Result = request.getfixturevalue(way)
    index = list(KINDS).index(name)
    counts = result.get_counts(index)
    # Two samples of 20,000 shots over up to 32 outcomes differ by about 0.02.
    assert _distance(counts, expected[name]) < 0.045
    if way == "transpiled":
        memory = result.get_memory(index)
        assert {key: memory.count(key) for key in counts} == counts


def test_a_circuit_without_a_measurement_is_refused(backend: QtaskBackend) -> None:
    circuit = KINDS["QFT"]().remove_final_measurements(inplace=False)
    with pytest.raises(QtaskError, match="no measurement"):
        backend.run(circuit)
