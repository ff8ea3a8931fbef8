"""Writes circuits of MQT Bench, as it exports them through Qiskit, with the probabilities that Qiskit finds.

    python3 -m venv /tmp/q && /tmp/q/bin/pip install qiskit==2.6.2 mqt.bench==2.3.0
    /tmp/q/bin/python crates/openqasm-simulator/tests/circuits/write_mqt.py
"""

from importlib.metadata import version

from mqt.bench import BenchmarkLevel, get_benchmark
from qiskit import QuantumCircuit, qasm2, qasm3
from qiskit.quantum_info import Statevector

from qiskit_reference import Reference
from stored import store

TOOL = f"MQT Bench {version('mqt.bench')} through Qiskit {version('qiskit')}"
SIZES = {
    "ae": 4, "bmw_quark_cardinality": 4, "bmw_quark_copula": 4, "bv": 4, "cdkm_ripple_carry_adder": 6, "dj": 4, "draper_qft_adder": 4,
    "dynamic_qft": 3, "full_adder": 6, "ghz": 4, "ghz_dynamic": 4, "graphstate": 4, "grover": 5, "half_adder": 5, "hhl": 4, "iqpe": 4, "qaoa": 4,
    "qft": 4, "qftentangled": 4, "qnn": 4, "qpeexact": 4, "qpeinexact": 4, "qwalk": 6, "randomcircuit": 4, "vqe_real_amp": 4, "vqe_su2": 4,
    "wstate": 4,
}


def outcomes(circuit: QuantumCircuit) -> dict[str, float]:
    """The exact probabilities; by the interpreter of control flow where there is some."""
    operations = circuit.count_ops()
    if any(name in operations for name in ("if_else", "reset", "for_loop", "while_loop", "switch_case")):
        return Reference(circuit, {}, {}).outcomes([register.name for register in circuit.cregs])
    places = {}
    for instruction in circuit.data:
        if instruction.operation.name == "measure":
            places[instruction.clbits[0]] = circuit.find_bit(instruction.qubits[0]).index
    bare = circuit.remove_final_measurements(inplace=False)
    found: dict[str, float] = {}
    for text, weight in Statevector(bare).probabilities_dict().items():
        registers = [
            "".join(text[-1 - places[bit]] if bit in places else "0" for bit in reversed(list(register)))
            for register in circuit.cregs
        ]
        key = " ".join(reversed(registers))
        found[key] = found.get(key, 0) + float(weight)
    return found


def main() -> None:
    for number, (name, size) in enumerate(SIZES.items()):
        circuit = get_benchmark(name, BenchmarkLevel.ALG if number % 3 else BenchmarkLevel.INDEP, size)
        if not circuit.clbits:
            circuit.measure_all()
        old = number % 2 == 0 and not any(kind in circuit.count_ops() for kind in ("if_else", "switch_case", "for_loop"))
        try:
            program = qasm2.dumps(circuit) if old else qasm3.dumps(circuit)
        except (TypeError, qasm3.QASM3ExporterError):  # A gate with a matrix: Qiskit cannot write it.
            continue
        store(f"mqt_{name}", program, f"{TOOL}, qasm{2 if old else 3}.dumps", exact=outcomes(circuit))


if __name__ == "__main__":
    main()
