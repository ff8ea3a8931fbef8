"""Stands in for Qiskit Aer: every run gives the outcomes 1 (60 of 100 shots) and 6."""

import os
from types import SimpleNamespace

__version__ = "0.0.standin"


class AerSimulator:
    operation_names = ["h", "cx", "save_state"]

    def run(self, circuit, shots, seed_simulator, memory):
        print("noise of the simulator")
        os.write(1, b"noise of the simulator\n")
        often = shots * 60 // 100
        data = SimpleNamespace(counts={"0x1": often, "0x6": shots - often})
        if memory:
            data.memory = ["0x1"] * often + ["0x6"] * (shots - often)
        huge = circuit.kind == "huge"
        one = SimpleNamespace(
            data=data,
            metadata={"method": "standin"},
            status="Insufficient memory" if huge else "DONE",
        )
        whole = SimpleNamespace(success=not huge, status="ERROR" if huge else "DONE", results=[one])
        return SimpleNamespace(result=lambda: whole)
