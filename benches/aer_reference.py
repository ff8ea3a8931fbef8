"""Times Qiskit Aer on the circuits that `cargo bench --bench simulator -- DIRECTORY` has written.

    python benches/aer_reference.py DIRECTORY [THREADS]

Needs qiskit and qiskit-aer. Parsing is not timed: only transpiling-free `run` to counts, the best of several.
"""

import pathlib
import sys
import time

import qiskit.qasm2
from qiskit_aer import AerSimulator

ROUNDS = {"bell": 50, "dynamic-10": 10, "random-24x20": 1, "qft-24": 1}


def best(circuit, method, threads, rounds):
    simulator = AerSimulator(method=method, max_parallel_threads=threads)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        simulator.run(circuit, shots=1024, seed_simulator=7).result().get_counts()
        times.append(time.perf_counter() - started)
    return min(times)


def main():
    directory = pathlib.Path(sys.argv[1])
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for path in sorted(directory.glob("*.qasm")):
        text = path.read_text()
        instructions = qiskit.qasm2.LEGACY_CUSTOM_INSTRUCTIONS
        circuit = qiskit.qasm2.loads(text, custom_instructions=instructions)
        method = "stabilizer" if path.stem.startswith("clifford") else "statevector"
        seconds = best(circuit, method, threads, ROUNDS.get(path.stem, 2))
        print(f"{path.stem:20} {seconds * 1e3:12.3f} ms", flush=True)


if __name__ == "__main__":
    main()
