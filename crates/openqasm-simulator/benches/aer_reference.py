"""Runs circuits on Qiskit Aer for `benches/simulator.rs`, which starts it. Needs qiskit and qiskit-aer.

Each line of the input is JSON: {"path": a file of OpenQASM 2, "threads": at most so many}. Each line of the output
is the milliseconds of one run to counts. A file is parsed once, which is not timed.
"""

import json
import sys
import time

import qiskit.qasm2
from qiskit_aer import AerSimulator


def parsed(path):
    instructions = qiskit.qasm2.LEGACY_CUSTOM_INSTRUCTIONS
    return qiskit.qasm2.load(path, custom_instructions=instructions)


def main():
    circuits = {}
    print("ready", flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        path, threads = question["path"], question["threads"]
        circuit = circuits.get(path) or circuits.setdefault(path, parsed(path))
        simulator = AerSimulator(method="statevector", max_parallel_threads=threads)
        started = time.perf_counter()
        simulator.run(circuit, shots=1024, seed_simulator=7).result().get_counts()
        print((time.perf_counter() - started) * 1e3, flush=True)


if __name__ == "__main__":
    main()
