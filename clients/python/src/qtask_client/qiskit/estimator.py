"""Qiskit's estimator primitive over qtask."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from qiskit.primitives import BaseEstimatorV2, DataBin, PrimitiveJob, PrimitiveResult, PubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub

from .backend import QtaskBackend
from .export import export
from .sampler import parameter_rows

# Projectors that an observable of Qiskit may have in the place of a Pauli matrix.
_PROJECTORS = {
    letter: (("I", 0.5), (pauli, half))
    for letter, pauli, half in [
        ("0", "Z", 0.5),
        ("1", "Z", -0.5),
        ("+", "X", 0.5),
        ("-", "X", -0.5),
        ("r", "Y", 0.5),
        ("l", "Y", -0.5),
    ]
}


class EstimatorV2(BaseEstimatorV2):
    """Estimates expectations; each PUB is one task, a sweep over its points.

    A precision of 0, the default, gives exact values; otherwise a value comes from 1 / precision² shots.
    """

    def __init__(
        self, backend: QtaskBackend, *, default_precision: float = 0.0, seed: int | None = None
    ) -> None:
        """`seed` plus the index of a PUB is the seed of the PUB."""
        self._backend = backend
        self._default_precision = default_precision
        self._seed = seed

    def run(self, pubs: Iterable[Any], *, precision: float | None = None) -> PrimitiveJob:
        """Submits the PUBs as one job."""
        chosen = self._default_precision if precision is None else precision
        coerced = [EstimatorPub.coerce(pub, chosen) for pub in pubs]
        plans = [_Plan(pub) for pub in coerced]
        submissions = [plan.submission(self._backend.name) for plan in plans]
        if self._seed is not None:
            for index, submission in enumerate(submissions):
                submission["seed"] = self._seed + index
        tasks = self._backend.client.submit_many(submissions)

        def results() -> PrimitiveResult:
            ended = {task.id: task for task in self._backend.client.results(tasks)}
            executions = [ended[task.id].result().execution for task in tasks]
            read = [plan.result(execution) for plan, execution in zip(plans, executions, strict=True)]
            return PrimitiveResult(read, metadata={"version": 2})

        job = PrimitiveJob(results)
        job._submit()
        return job


class _Plan:
    """Which expectation of which point is which element of a PUB's result."""

    def __init__(self, pub: EstimatorPub) -> None:
        self._pub = pub
        observables = [_terms(item) for item in pub.observables.ravel().tolist()]
        self._observables: list[list[dict[str, Any]]] = []
        places: dict[str, int] = {}
        numbers = []
        for terms in observables:
            place = places.setdefault(repr(terms), len(places))
            if place == len(self._observables):
                self._observables.append(terms)
            numbers.append(place)
        rows = parameter_rows(pub)
        self._rows = rows
        self._which = np.broadcast_to(np.array(numbers).reshape(pub.observables.shape), pub.shape)
        points = np.arange(len(rows)).reshape(pub.parameter_values.shape)
        self._points = np.broadcast_to(points, pub.shape)

    def submission(self, backend: str) -> dict[str, Any]:
        circuit = self._pub.circuit.remove_final_measurements(inplace=False)
        exported = export(circuit, needs_measurement=False)
        precision = self._pub.precision
        submission: dict[str, Any] = {
            "circuit": exported.text,
            "backend": backend,
            "shots": 0 if precision == 0 else math.ceil(1 / precision**2),
            "observables": self._observables,
        }
        if exported.parameters:
            columns = zip(*self._rows, strict=True)
            submission["sweep"] = dict(zip(exported.parameters, map(list, columns), strict=True))
        return submission

    def result(self, execution: Mapping[str, Any]) -> PubResult:
        points = execution.get("points", [execution])
        values = np.array([[item["value"] for item in point["expectations"]] for point in points])
        errors = np.array(
            [[item.get("standard_error", 0.0) for item in point["expectations"]] for point in points]
        )
        # Without parameters there is one point, and every element of the result is of it.
        place = (self._points if len(points) > 1 else np.zeros(self._pub.shape, int), self._which)
        data = DataBin(shape=self._pub.shape, evs=values[place], stds=errors[place])
        metadata = {
            "target_precision": self._pub.precision,
            "circuit_metadata": self._pub.circuit.metadata,
        }
        return PubResult(data, metadata)


def _terms(observable: Any) -> list[dict[str, Any]]:
    """Writes an observable as Pauli strings, in Qiskit's order of qubits."""
    sums: dict[str, float] = {}
    for letters, coefficient in observable.items():
        strings = {"": float(coefficient)}
        for letter in letters:
            parts = _PROJECTORS.get(letter, ((letter, 1.0),))
            strings = {
                string + pauli: value * factor for string, value in strings.items() for pauli, factor in parts
            }
        for string, value in strings.items():
            sums[string] = sums.get(string, 0.0) + value
    return [{"pauli": pauli, "coeff": value} for pauli, value in sorted(sums.items())]
