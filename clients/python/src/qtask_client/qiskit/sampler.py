"""Qiskit's sampler primitive over qtask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from qiskit.primitives import (
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveJob,
    PrimitiveResult,
    SamplerPubResult,
)
from qiskit.primitives.containers.sampler_pub import SamplerPub

from .backend import QtaskBackend
from .export import Exported, export
from .layout import Layout


class SamplerV2(BaseSamplerV2):
    """Samples circuits; all points of all PUBs of a call are one job."""

    def __init__(self, backend: QtaskBackend, *, default_shots: int = 1024, seed: int | None = None) -> None:
        """`seed` plus the index of a point in the call is the seed of the point."""
        self._backend = backend
        self._default_shots = default_shots
        self._seed = seed

    def run(self, pubs: Iterable[Any], *, shots: int | None = None) -> PrimitiveJob:
        """Submits the PUBs."""
        coerced = [SamplerPub.coerce(pub, shots or self._default_shots) for pub in pubs]
        exported = [export(pub.circuit) for pub in coerced]
        tasks = self._backend.client.submit_many(self._submissions(coerced, exported))

        def results() -> PrimitiveResult:
            ended = {task.id: task for task in self._backend.client.results(tasks)}
            in_order = iter([ended[task.id].result().execution for task in tasks])
            return PrimitiveResult(
                [
                    _pub_result(pub, item.layout, [next(in_order) for _ in range(pub.size)])
                    for pub, item in zip(coerced, exported, strict=True)
                ],
                metadata={"version": 2},
            )

        job = PrimitiveJob(results)
        job._submit()
        return job

    def _submissions(self, pubs: list[SamplerPub], exported: list[Exported]) -> list[dict[str, Any]]:
        submissions: list[dict[str, Any]] = []
        for pub, item in zip(pubs, exported, strict=True):
            for values in parameter_rows(pub):
                submission = {
                    "circuit": item.text,
                    "backend": self._backend.name,
                    "shots": pub.shots,
                    "memory": True,
                    "parameters": dict(zip(item.parameters, values, strict=True)),
                }
                if self._seed is not None:
                    submission["seed"] = self._seed + len(submissions)
                submissions.append(submission)
        return submissions


def parameter_rows(pub: Any) -> list[list[float]]:
    """Returns the values of the parameters for each point of a PUB, in the circuit's order."""
    names = [parameter.name for parameter in pub.circuit.parameters]
    rows = pub.parameter_values.as_array(names).reshape(-1, len(names)) if names else None
    size = int(np.prod(pub.parameter_values.shape, dtype=int))
    return [[] for _ in range(size)] if rows is None else rows.tolist()


def _pub_result(pub: SamplerPub, layout: Layout, executions: list[Any]) -> SamplerPubResult:
    circuit = pub.circuit
    place = {bit: index for index, bit in enumerate(circuit.clbits)}
    samples = [layout.samples(execution) for execution in executions]
    fields = {}
    for register in circuit.cregs:
        bits = [place[bit] for bit in register]
        points = [_packed(values, bits) for values in samples]
        array = np.stack(points).reshape(*pub.shape, pub.shots, -1)
        fields[register.name] = BitArray(array, len(bits))
    metadata = {"shots": pub.shots, "circuit_metadata": circuit.metadata}
    return SamplerPubResult(DataBin(shape=pub.shape, **fields), metadata)


def _packed(samples: list[int], bits: list[int]) -> Any:
    """Packs some bits of each sample into bytes, the highest first."""
    length = (max(bits, default=0) + 8) // 8
    raw = b"".join([(value & ((1 << 8 * length) - 1)).to_bytes(length, "little") for value in samples])
    flags = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(-1, length), axis=1, bitorder="little")
    chosen = flags[:, bits]
    padded = np.zeros((len(samples), -(-len(bits) // 8) * 8), np.uint8)
    padded[:, : len(bits)] = chosen
    return np.packbits(padded, axis=1, bitorder="little")[:, ::-1]
