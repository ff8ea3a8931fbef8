"""Writes circuits of Cirq, as `to_qasm` exports them, with what Cirq's simulator computes.

    python3 -m venv /tmp/c && /tmp/c/bin/pip install cirq-core==1.7.0
    /tmp/c/bin/python crates/openqasm-simulator/tests/circuits/write_cirq.py
"""

import random
import re
from collections import Counter

import cirq
import numpy as np
import sympy

from stored import store

SHOTS = 8192
TOOL = f"Cirq {cirq.__version__}, to_qasm"


def gates(dice: random.Random) -> list[cirq.Gate]:
    """Gates of Cirq with random exponents and angles."""
    e = [round(dice.uniform(-1.5, 1.5), 3) for _ in range(24)]
    return [
        cirq.H, cirq.X, cirq.Y, cirq.Z, cirq.S, cirq.T, cirq.S**-1, cirq.T**-1, cirq.X**0.5, cirq.X**-0.5, cirq.H ** e[0],
        cirq.X ** e[1], cirq.Y ** e[2], cirq.Z ** e[3], cirq.rx(e[4]), cirq.ry(e[5]), cirq.rz(e[6]),
        cirq.PhasedXPowGate(phase_exponent=e[7], exponent=e[8]), cirq.PhasedXZGate(x_exponent=e[9], z_exponent=e[10], axis_phase_exponent=e[11]),
        cirq.CX, cirq.CZ, cirq.CX ** e[12], cirq.CZ ** e[13], cirq.SWAP, cirq.SWAP ** e[14], cirq.ISWAP, cirq.ISWAP ** e[15],
        cirq.XX ** e[16], cirq.YY ** e[17], cirq.ZZ ** e[18], cirq.FSimGate(e[19], e[20]), cirq.ms(e[21]), cirq.CCX, cirq.CCZ, cirq.CSWAP,
        cirq.CCX ** e[22], cirq.CCZ ** e[23], cirq.givens(e[0]), cirq.QuantumFourierTransformGate(3), cirq.QubitPermutationGate([2, 0, 1]),
        cirq.PhasedISwapPowGate(phase_exponent=e[1], exponent=e[2]), cirq.X.controlled(3), cirq.Y.controlled(2), cirq.H.controlled(1),
        cirq.ry(e[3]).controlled(2), cirq.Z.controlled(2, control_values=[0, 1]), cirq.DiagonalGate([0.1, 0.7, -0.4, 2.0]), cirq.IdentityGate(2),
        cirq.MatrixGate(cirq.testing.random_unitary(2, random_state=3)), cirq.MatrixGate(cirq.testing.random_unitary(4, random_state=4)),
        cirq.MatrixGate(cirq.testing.random_unitary(8, random_state=5)), cirq.PauliStringPhasorGate(cirq.DensePauliString("XYZ"), exponent_neg=e[4]),
    ]


def random_circuit(seed: int, qubits: int) -> cirq.Circuit:
    dice = random.Random(seed)
    line = cirq.LineQubit.range(qubits)
    circuit = cirq.Circuit(cirq.ry(0.4 + 0.7 * number)(qubit) for number, qubit in enumerate(line))
    chosen = [gate for gate in gates(dice) if gate.num_qubits() <= qubits]
    for gate in dice.sample(chosen, 14):
        circuit.append(gate.on(*dice.sample(line, gate.num_qubits())))
    return circuit


def declared(program: str) -> list[str]:
    return re.findall(r"^(?:creg|bit\[\d+\]) (?:(\w+)\[\d+\]|(\w+));", program, re.MULTILINE)


def keep(name: str, circuit: cirq.Circuit, version: str) -> None:
    """Stores a circuit with its exact outcomes where all measurements come last, a sample otherwise."""
    program = circuit.to_qasm(version=version)
    registers = [old or new for old, new in declared(program)]
    tool = f'{TOOL}(version="{version}")'
    if circuit.are_all_measurements_terminal() and len(registers) == 1:
        qubits = [qubit for _, operation in circuit.findall_operations(cirq.is_measurement) for qubit in operation.qubits]
        bare = cirq.drop_terminal_measurements(circuit)
        state = cirq.Simulator(dtype=np.complex128).simulate(bare, qubit_order=sorted(circuit.all_qubits())).state_vector()
        places = [sorted(circuit.all_qubits()).index(qubit) for qubit in qubits]
        found = Counter()
        for index, amplitude in enumerate(state):
            text = f"{index:0{len(circuit.all_qubits())}b}"
            found["".join(text[place] for place in reversed(places))] += float(abs(amplitude) ** 2)
        store(f"cirq_{name}", program, tool, exact=dict(found))
        return
    result = cirq.Simulator(seed=5).run(circuit, repetitions=SHOTS)
    columns = []
    for register in registers:
        key = next(key for key in result.measurements if re.sub(r"\W", "", f"m_{key}") == register)
        columns.append(["".join(str(bit) for bit in reversed(row)) for row in result.records[key][:, -1, :]])
    counts = Counter(" ".join(reversed(row)) for row in zip(*columns))
    store(f"cirq_{name}", program, tool, counts=dict(sorted(counts.items())))


def dynamic(seed: int) -> cirq.Circuit:
    """Measurements in the middle, resets, and operations that depend on outcomes."""
    dice = random.Random(seed)
    line = cirq.LineQubit.range(3)
    circuit = cirq.Circuit(cirq.ry(0.4 + 0.7 * number)(qubit) for number, qubit in enumerate(line))
    circuit.append(cirq.measure(line[0], key="a"))
    circuit.append(dice.choice([cirq.X, cirq.H, cirq.ry(0.7)])(line[1]).with_classical_controls("a"))
    circuit.append(cirq.CX(line[1], line[2]))
    circuit.append(cirq.measure(line[1], line[2], key="b"))
    # Cirq takes the first bit of `b` as the highest, and writes the number as it is: only one bit is compared.
    condition = dice.choice(["b", sympy.Eq(sympy.Symbol("a"), dice.randrange(2)), cirq.KeyCondition(cirq.MeasurementKey("b"))])
    circuit.append(dice.choice([cirq.X, cirq.Y, cirq.ry(1.1)])(line[0]).with_classical_controls(condition))
    if dice.random() < 0.5:
        circuit.append(cirq.X(line[0]).with_classical_controls("a", "b"))
    circuit.append(cirq.reset(line[2]))
    circuit.append(cirq.ry(0.9)(line[2]))
    circuit.append(cirq.measure(*line, key="last"))
    return circuit


def main() -> None:
    for seed in range(6):
        circuit = random_circuit(seed, 3 + seed % 3)
        keep(f"gates{seed}", circuit + cirq.measure(*sorted(circuit.all_qubits()), key="m"), "2.0" if seed % 2 else "3.0")
    # Cirq simulates each shot of these by itself, which takes minutes.
    for seed in range(2):
        keep(f"dynamic{seed}", dynamic(seed), "3.0")
    line = cirq.LineQubit.range(3)
    inverted = cirq.Circuit(cirq.ry(0.7)(line[0]), cirq.CX(*line[:2]), cirq.measure(*line[:2], key="m", invert_mask=(True, False)))
    keep("invert_mask", inverted, "2.0")
    grid = cirq.GridQubit.rect(2, 2)
    keep("grid", cirq.Circuit(cirq.H.on_each(*grid), cirq.CZ(*grid[:2]), cirq.ISWAP(*grid[2:]), cirq.measure(*grid, key="out")), "2.0")
    keep("named", cirq.Circuit(cirq.H(cirq.NamedQubit("alice")), cirq.CX(cirq.NamedQubit("alice"), cirq.NamedQubit("bob 2")),
         cirq.measure(cirq.NamedQubit("alice"), cirq.NamedQubit("bob 2"), key="my key")), "3.0")


if __name__ == "__main__":
    main()
