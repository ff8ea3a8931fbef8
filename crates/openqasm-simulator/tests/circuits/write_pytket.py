"""Writes circuits of pytket, as `circuit_to_qasm_str` exports them, with the exact outcomes that its circuits have.

    python3 -m venv /tmp/c && /tmp/c/bin/pip install pytket==2.18.5
    /tmp/c/bin/python crates/openqasm-simulator/tests/circuits/write_pytket.py
"""

import random
from collections import Counter
from importlib.metadata import version

import numpy as np
from pytket.circuit import Circuit, OpType
from pytket.qasm import circuit_to_qasm_str

from stored import store

TOOL = f"pytket {version('pytket')}, circuit_to_qasm_str"
ONE = [OpType.H, OpType.X, OpType.Y, OpType.Z, OpType.S, OpType.Sdg, OpType.T, OpType.Tdg, OpType.SX, OpType.SXdg, OpType.V, OpType.Vdg]
TURNS = [OpType.Rx, OpType.Ry, OpType.Rz, OpType.U1]
TWO = [OpType.CX, OpType.CY, OpType.CZ, OpType.CH, OpType.SWAP, OpType.CSX, OpType.ECR]
TWO_TURNS = [OpType.CRx, OpType.CRy, OpType.CRz, OpType.CU1, OpType.ZZPhase, OpType.XXPhase]
HARDWARE = {OpType.H, OpType.X, OpType.Rz, OpType.Rx, OpType.CX, OpType.ZZPhase}


def add_gate(circuit: Circuit, dice: random.Random, allowed=None) -> None:
    kinds = [(ONE, 0, 1), (TURNS, 1, 1), (TWO, 0, 2), (TWO_TURNS, 1, 2), ([OpType.CCX, OpType.CSWAP], 0, 3)]
    names, turns, count = dice.choice([kind for kind in kinds if kind[2] <= circuit.n_qubits])
    name = dice.choice(names)
    if allowed is not None and name not in allowed:
        return
    angles = [round(dice.uniform(0, 2), 3)] * turns
    operands = dice.sample(range(circuit.n_qubits), count)
    if angles:
        circuit.add_gate(name, angles, operands)
    else:
        circuit.add_gate(name, operands)


def random_circuit(seed: int, qubits: int, steps: int, allowed=None) -> Circuit:
    dice = random.Random(seed)
    circuit = Circuit(qubits)
    for qubit in range(qubits):
        circuit.Rx(0.2 + 0.17 * qubit, qubit)
    for _ in range(steps):
        add_gate(circuit, dice, allowed)
    return circuit


def probabilities(circuit: Circuit) -> np.ndarray:
    """By the value of the qubits, the first one lowest; pytket has it highest."""
    state = np.abs(circuit.get_statevector()) ** 2
    count = circuit.n_qubits
    return state.reshape((2,) * count).transpose(range(count - 1, -1, -1)).reshape(-1)


def plain(name: str, circuit: Circuit, header: str) -> None:
    count = circuit.n_qubits
    exact = {f"{index:0{count}b}": float(p) for index, p in enumerate(probabilities(circuit))}
    circuit.measure_all()
    store(f"pytket_{name}", circuit_to_qasm_str(circuit, header=header), f'{TOOL}(header="{header}")', exact=exact)


def conditional(seed: int) -> None:
    """Qubits 0 and 1 are measured; gates on the others depend on the register. Exact: one circuit for each outcome."""
    dice = random.Random(seed)
    start = random_circuit(seed, 4, 6)
    wanted = [dice.randrange(4) for _ in range(3)]
    turns = [round(dice.uniform(0, 2), 3) for _ in wanted]
    written = start.copy()
    register = written.add_c_register("m", 2)
    last = written.add_c_register("last", 2)
    written.Measure(written.qubits[0], register[0])
    written.Measure(written.qubits[1], register[1])
    for number, turn in zip(wanted, turns):
        written.Ry(turn, written.qubits[2], condition_bits=[register[0], register[1]], condition_value=number)
        written.CX(written.qubits[2], written.qubits[3], condition_bits=[register[0], register[1]], condition_value=number)
    for place in (2, 3):
        written.Measure(written.qubits[place], last[place - 2])
    exact: Counter = Counter()
    for outcome in range(4):
        branch = start.copy()
        for number, turn in zip(wanted, turns):
            if number == outcome:
                branch.Ry(turn, 2).CX(2, 3)
        for index, p in enumerate(probabilities(branch)):
            if index & 3 == outcome:
                # pytket declares the registers in the order of their names: `last` before `m`.
                exact[f"{outcome:02b} {index >> 2:02b}"] += float(p)
    store(f"pytket_conditional{seed}", circuit_to_qasm_str(written, header="qelib1"), f'{TOOL}(header="qelib1")', exact=dict(exact))


def bit_condition() -> None:
    """A condition on a single bit, as only Quantinuum's dialect of OpenQASM 2 has it."""
    circuit = Circuit(2, 2).H(0).Measure(0, 0)
    circuit.X(1, condition_bits=[0], condition_value=1)
    circuit.Measure(1, 1)
    program = circuit_to_qasm_str(circuit, header="hqslib1")
    store("pytket_bit_condition", program, f'{TOOL}(header="hqslib1")', exact={"00": 0.5, "11": 0.5})


def main() -> None:
    for seed in range(8):
        plain(f"random{seed}", random_circuit(seed, 2 + seed % 4, 14), "qelib1")
    for seed in range(4):
        plain(f"hqslib1_random{seed}", random_circuit(20 + seed, 3, 30, HARDWARE), "hqslib1")
    for seed in range(5):
        conditional(seed)
    bit_condition()


if __name__ == "__main__":
    main()
