#!/usr/bin/env python3
"""Writes differential.json: random programs with what Qiskit makes of them.

    python3 -m venv venv && venv/bin/pip install qiskit==2.6.2 qiskit-aer==0.18.2
    venv/bin/python crates/openqasm-simulator/tests/circuits/generate.py

Made with qiskit 2.6.2, qiskit-aer 0.18.2, numpy 2.4.6, Python 3.11.7. The same versions write the same file.

Each case has `name`, `program` and either `exact`, the exact probability of each outcome (those below 1e-14 left out),
or `counts`, a sample of SHOTS shots. The programs are written here, word by word, beside the Qiskit circuits: Qiskit's
own parser and writer of OpenQASM have no part in them, but for the cases `qiskit_*`, which `qasm3.dumps` writes.

- `gates_*`: 3 to 8 qubits, every gate of the standard library, modifiers over them. Matrices of modified gates are made
  here from those of the plain gates, in the phases of the OpenQASM 3 specification, and applied by Qiskit's Statevector.
- `clifford_*`: 12 to 40 qubits of which a few are measured, by Qiskit's StabilizerState.
- `dynamic_*`, `qiskit_*`: measurements in the middle, reset, conditions and loops, sampled by Aer.
"""

import json
import pathlib
import random

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3
from qiskit.circuit import library as gates
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Operator, StabilizerState, Statevector
from qiskit_aer import AerSimulator

SHOTS = 20_000
OUT = pathlib.Path(__file__).with_name("differential.json")


def angle(dice):
    """A text and its value: multiples of fractions of pi, and plain numbers."""
    if dice.random() < 0.5:
        n, d = dice.choice([-7, -5, -3, -2, -1, 1, 2, 3, 5]), dice.choice([2, 3, 4, 8])
        return f"{n}*pi/{d}", n * np.pi / d
    value = round(dice.uniform(-7, 7), 4)
    return repr(value), value


def spec_u(theta, phi, lam):
    """U with the phase of the OpenQASM 3 specification."""
    return np.exp(0.5j * theta) * gates.UGate(theta, phi, lam).to_matrix()


def spec_u3(theta, phi, lam):
    """u3 as stdgates.inc defines it: gphase(-(theta + phi + lam) / 2) before U."""
    return np.exp(-0.5j * (theta + phi + lam)) * spec_u(theta, phi, lam)


def plain(gate):
    return lambda *values: gate(*values).to_matrix()


# name: (parameters, qubits, matrix); qubit 0 of a matrix is the first operand and its lowest bit.
GATES = {
    "x": (0, 1, plain(gates.XGate)), "y": (0, 1, plain(gates.YGate)), "z": (0, 1, plain(gates.ZGate)),
    "h": (0, 1, plain(gates.HGate)), "s": (0, 1, plain(gates.SGate)), "sdg": (0, 1, plain(gates.SdgGate)),
    "t": (0, 1, plain(gates.TGate)), "tdg": (0, 1, plain(gates.TdgGate)), "sx": (0, 1, plain(gates.SXGate)),
    "id": (0, 1, plain(gates.IGate)), "p": (1, 1, plain(gates.PhaseGate)), "phase": (1, 1, plain(gates.PhaseGate)),
    "rx": (1, 1, plain(gates.RXGate)), "ry": (1, 1, plain(gates.RYGate)), "rz": (1, 1, plain(gates.RZGate)),
    "u1": (1, 1, plain(gates.PhaseGate)),
    "u2": (2, 1, lambda phi, lam: spec_u3(np.pi / 2, phi, lam)), "u3": (3, 1, spec_u3), "U": (3, 1, spec_u),
    "cx": (0, 2, plain(gates.CXGate)), "CX": (0, 2, plain(gates.CXGate)), "cy": (0, 2, plain(gates.CYGate)),
    "cz": (0, 2, plain(gates.CZGate)), "ch": (0, 2, plain(gates.CHGate)), "swap": (0, 2, plain(gates.SwapGate)),
    "cp": (1, 2, plain(gates.CPhaseGate)), "cphase": (1, 2, plain(gates.CPhaseGate)),
    "crx": (1, 2, plain(gates.CRXGate)), "cry": (1, 2, plain(gates.CRYGate)), "crz": (1, 2, plain(gates.CRZGate)),
    "cu": (4, 2, plain(gates.CUGate)), "ccx": (0, 3, plain(gates.CCXGate)), "cswap": (0, 3, plain(gates.CSwapGate)),
    "rxx": (1, 2, plain(gates.RXXGate)), "rzz": (1, 2, plain(gates.RZZGate)), "iswap": (0, 2, plain(gates.iSwapGate)),
}


def controlled(matrix, positive):
    """One more control, which becomes the first operand and so the lowest bit."""
    size = matrix.shape[0]
    whole = np.eye(2 * size, dtype=complex)
    on = 1 if positive else 0
    whole[on::2, on::2] = matrix
    return whole


def modified(dice, name, count, qubits, matrix):
    """Stacks up to three modifiers over a gate; the one nearest to the gate works first."""
    text = name
    for _ in range(dice.choice([0, 0, 1, 1, 2, 3])):
        kind = dice.choice(["ctrl", "negctrl", "ctrl2", "inv", "pow", "root"])
        if kind in ("ctrl", "negctrl") and count < qubits:
            matrix, count, text = controlled(matrix, kind == "ctrl"), count + 1, f"{kind} @ {text}"
        elif kind == "ctrl2" and count + 2 <= qubits:
            both = dice.choice(["ctrl", "negctrl"])
            matrix = controlled(controlled(matrix, both == "ctrl"), both == "ctrl")
            count, text = count + 2, f"{both}(2) @ {text}"
        elif kind == "inv":
            matrix, text = matrix.conj().T, f"inv @ {text}"
        elif kind == "pow":
            times = dice.choice([-2, 2, 3])
            matrix, text = np.linalg.matrix_power(matrix, times), f"pow({times}) @ {text}"
        # The principal root. Rounding decides which it is where a turn about an angle gives -1; x, y, z, h give it exactly.
        elif kind == "root" and count == 1 and "@" not in text:
            times = dice.choice([0.5, 0.25, -0.5])
            to_cut = np.pi - np.max(np.abs(np.angle(np.linalg.eigvals(matrix))))
            if to_cut > 1e-3 or "(" not in text:
                matrix, text = Operator(matrix).power(times).data, f"pow({times}) @ {text}"
    return text, count, matrix


def tidy(probabilities):
    return {key: float(f"{value:.12g}") for key, value in sorted(probabilities.items()) if value > 1e-14}


def gates_case(number):
    dice = random.Random(1000 + number)
    qubits = 3 + number % 6
    circuit = QuantumCircuit(qubits)
    lines = ['OPENQASM 3.0;', 'include "stdgates.inc";', f"qubit[{qubits}] q;", f"bit[{qubits}] c;"]
    for qubit in range(qubits):
        text, value = angle(dice)
        lines.append(f"ry({text}) q[{qubit}];")
        circuit.ry(value, qubit)
    for _ in range(12 + 3 * qubits):
        name = dice.choice(list(GATES))
        parameters, count, make = GATES[name]
        values = [angle(dice) for _ in range(parameters)]
        matrix = make(*[value for _, value in values])
        written = name + (f"({', '.join(text for text, _ in values)})" if values else "")
        text, count, matrix = modified(dice, written, count, qubits, matrix)
        operands = dice.sample(range(qubits), count)
        lines.append(f"{text} {', '.join(f'q[{operand}]' for operand in operands)};")
        circuit.unitary(matrix, operands)
    lines.append("c = measure q;")
    state = Statevector(circuit)
    return {"name": f"gates_{number:02}", "program": "\n".join(lines), "exact": tidy(state.probabilities_dict())}


CLIFFORD = {
    "x": ("x", 1), "y": ("y", 1), "z": ("z", 1), "h": ("h", 1), "s": ("s", 1), "sdg": ("sdg", 1), "sx": ("sx", 1),
    "rz(pi/2)": ("s", 1), "rx(pi/2)": ("sx", 1), "p(-pi/2)": ("sdg", 1), "pow(3) @ s": ("sdg", 1), "inv @ s": ("sdg", 1),
    "ry(pi)": ("y", 1), "U(pi/2, 0, pi)": ("h", 1), "cx": ("cx", 2), "ctrl @ x": ("cx", 2), "cy": ("cy", 2),
    "cz": ("cz", 2), "cp(pi)": ("cz", 2), "swap": ("swap", 2), "ecr": ("ecr", 2), "iswap": ("iswap", 2),
}


def clifford_case(number):
    dice = random.Random(2000 + number)
    qubits = 12 + 2 * number
    measured = dice.sample(range(qubits), dice.randint(3, 8))
    circuit = QuantumCircuit(qubits)
    lines = ['OPENQASM 3.0;', 'include "stdgates.inc";', f"qubit[{qubits}] q;", f"bit[{len(measured)}] c;"]
    # Few Hadamards leave outcomes that are not all alike.
    names, weights = list(CLIFFORD), [dice.choice([1, 2, 6]) if "h" not in name else 1 for name in CLIFFORD]
    for _ in range(6 * qubits):
        name = dice.choices(names, weights)[0]
        method, count = CLIFFORD[name]
        operands = dice.sample(range(qubits), count)
        lines.append(f"{name} {', '.join(f'q[{operand}]' for operand in operands)};")
        getattr(circuit, method)(*operands)
    lines += [f"c[{place}] = measure q[{qubit}];" for place, qubit in enumerate(measured)]
    exact = StabilizerState(circuit).probabilities_dict(measured)
    return {"name": f"clifford_{number:02}", "program": "\n".join(lines), "exact": tidy(exact)}


class Dynamic:
    """A random program with measurements in the middle, and the same as a Qiskit circuit."""

    def __init__(self, dice, qubits, bits):
        self.dice, self.qubits, self.bits = dice, qubits, bits
        self.circuit = QuantumCircuit(QuantumRegister(qubits, "q"), ClassicalRegister(bits, "c"))
        self.lines = ['OPENQASM 3.0;', 'include "stdgates.inc";', f"qubit[{qubits}] q;", f"bit[{bits}] c;"]
        self.loops = 0

    def gate(self, indent):
        dice = self.dice
        name = dice.choice(["h", "x", "ry", "rx", "p", "cx", "cry", "cz", "ccx"])
        parameters, count, _ = GATES[name]
        values = [angle(dice) for _ in range(parameters)]
        operands = dice.sample(range(self.qubits), count)
        written = name + (f"({values[0][0]})" if values else "")
        self.lines.append(f"{indent}{written} {', '.join(f'q[{operand}]' for operand in operands)};")
        getattr(self.circuit, name)(*[value for _, value in values], *operands)

    def step(self, depth):
        dice, circuit, indent = self.dice, self.circuit, "  " * depth
        kind = dice.randrange(10)
        qubit, bit = dice.randrange(self.qubits), dice.randrange(self.bits)
        if kind < 4 or depth > 2 and kind > 6:
            self.gate(indent)
        elif kind < 6:
            self.lines.append(f"{indent}c[{bit}] = measure q[{qubit}];")
            circuit.measure(qubit, bit)
        elif kind == 6:
            self.lines.append(f"{indent}reset q[{qubit}];")
            circuit.reset(qubit)
        elif kind == 7:
            value = dice.randrange(1 << self.bits)
            self.lines.append(f"{indent}if (c == {value}) {{")
            with circuit.if_test((circuit.cregs[0], value)) as other:
                self.block(depth + 1)
            self.lines.append(f"{indent}}} else {{")
            with other:
                self.block(depth + 1)
            self.lines.append(f"{indent}}}")
        elif kind == 8:
            self.lines.append(f"{indent}if (c[{bit}]) {{")
            with circuit.if_test((circuit.clbits[bit], 1)):
                self.block(depth + 1)
            self.lines.append(f"{indent}}}")
        else:
            self.loops += 1
            turns = dice.randint(1, 3)
            self.lines.append(f"{indent}for int i{self.loops} in [1:{turns}] {{")
            with circuit.for_loop(range(turns)):
                self.block(depth + 1)
            self.lines.append(f"{indent}}}")

    def block(self, depth):
        for _ in range(self.dice.randint(1, 3)):
            self.step(depth)

    def whole(self, steps):
        for qubit in range(self.qubits):
            self.circuit.ry(0.4 + qubit, qubit)
            self.lines.append(f"ry({0.4 + qubit}) q[{qubit}];")
        for _ in range(steps):
            self.step(0)


def sampled(circuit):
    simulator = AerSimulator(method="statevector", fusion_enable=False)
    counts = simulator.run(circuit, shots=SHOTS, seed_simulator=7).result().get_counts()
    return dict(sorted(counts.items()))


def dynamic_case(number):
    dice = random.Random(3000 + number)
    made = Dynamic(dice, dice.randint(3, 5), dice.randint(2, 5))
    made.whole(14)
    return {"name": f"dynamic_{number:02}", "program": "\n".join(made.lines), "counts": sampled(made.circuit)}


def qiskit_case(number):
    dice = random.Random(4000 + number)
    made = Dynamic(dice, dice.randint(3, 4), dice.randint(2, 4))
    made.whole(8)
    circuit = made.circuit
    first, second = circuit.clbits[0], circuit.clbits[1]
    # Until a coin shows 1: ends with certainty, for the coin is thrown again in each turn.
    with circuit.while_loop((first, 0)):
        circuit.reset(0)
        circuit.ry(1.9, 0)
        circuit.measure(0, first)
    with circuit.switch(circuit.cregs[0]) as case:
        with case(1, 3):
            circuit.x(1)
        with case(case.DEFAULT):
            circuit.ry(0.7, 1)
    with circuit.if_test(expr.bit_xor(first, second)):
        circuit.h(1)
    circuit.measure(1, second)
    return {"name": f"qiskit_{number:02}", "program": qasm3.dumps(circuit), "counts": sampled(circuit)}


def main():
    cases = [gates_case(number) for number in range(24)]
    cases += [clifford_case(number) for number in range(15)]
    cases += [dynamic_case(number) for number in range(16)]
    cases += [qiskit_case(number) for number in range(8)]
    text = ",\n".join(json.dumps(case) for case in cases)
    OUT.write_text(f"[\n{text}\n]\n")
    print(f"{len(cases)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
