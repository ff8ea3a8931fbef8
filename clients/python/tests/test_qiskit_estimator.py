"""Expectations, against Qiskit's own statevector."""

from __future__ import annotations

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

from qtask_client.qiskit import EstimatorV2, QtaskBackend


def test_expectations_of_broadcast_points_are_those_of_qiskit(backend: QtaskBackend) -> None:
    circuit = efficient_su2(3, reps=1)
    values = np.random.default_rng(1).uniform(0, 3, (4, 1, circuit.num_parameters))
    observables = [SparsePauliOp(["ZZI", "XIY"], [1.0, -0.5]), SparsePauliOp("IIZ"), {"0+I": 1.0}]
    # Qiskit's estimator cannot compute projectors.
    expanded = SparsePauliOp(["III", "IXI", "ZII", "ZXI"], [0.25] * 4)
    pubs = [(circuit, observables, values), (circuit.assign_parameters(values[0, 0]), observables)]
    ours = EstimatorV2(backend).run(pubs).result()
    same = [*observables[:2], expanded]
    reference = [(circuit, same, values), (circuit.assign_parameters(values[0, 0]), same)]
    theirs = StatevectorEstimator().run(reference).result()
    for one, other in zip(ours, theirs, strict=True):
        assert one.data.evs.shape == other.data.evs.shape
        np.testing.assert_allclose(one.data.evs, other.data.evs, atol=1e-9)


def test_a_precision_is_met(backend: QtaskBackend) -> None:
    circuit = efficient_su2(2, reps=1).assign_parameters([0.3 * place for place in range(8)])
    observable = SparsePauliOp(["ZZ", "XI"])
    estimator = EstimatorV2(backend, seed=3)
    result = estimator.run([(circuit, observable)], precision=0.01).result()[0]
    exact = StatevectorEstimator().run([(circuit, observable)]).result()[0]
    assert 0 < result.data.stds < 0.02
    assert abs(result.data.evs - exact.data.evs) < 5 * result.data.stds
