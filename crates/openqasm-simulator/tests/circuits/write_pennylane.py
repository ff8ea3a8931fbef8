"""Writes circuits of PennyLane, as `qml.to_openqasm` exports them, with what `default.qubit` computes.

    python3 -m venv /tmp/p && /tmp/p/bin/pip install pennylane==0.45.1
    /tmp/p/bin/python crates/openqasm-simulator/tests/circuits/write_pennylane.py
"""

import random

import numpy as np
import pennylane as qml

from stored import store

TOOL = f"PennyLane {qml.__version__}, qml.to_openqasm"
GATES = [
    (qml.Hadamard, 0, 1), (qml.PauliX, 0, 1), (qml.PauliY, 0, 1), (qml.PauliZ, 0, 1), (qml.S, 0, 1), (qml.T, 0, 1), (qml.SX, 0, 1),
    (qml.RX, 1, 1), (qml.RY, 1, 1), (qml.RZ, 1, 1), (qml.PhaseShift, 1, 1), (qml.Rot, 3, 1), (qml.U1, 1, 1), (qml.U2, 2, 1), (qml.U3, 3, 1),
    (qml.CNOT, 0, 2), (qml.CZ, 0, 2), (qml.CY, 0, 2), (qml.CH, 0, 2), (qml.SWAP, 0, 2), (qml.ISWAP, 0, 2), (qml.SISWAP, 0, 2), (qml.ECR, 0, 2),
    (qml.IsingXX, 1, 2), (qml.IsingYY, 1, 2), (qml.IsingZZ, 1, 2), (qml.IsingXY, 1, 2), (qml.CRX, 1, 2), (qml.CRY, 1, 2), (qml.CRZ, 1, 2),
    (qml.CRot, 3, 2), (qml.ControlledPhaseShift, 1, 2), (qml.SingleExcitation, 1, 2), (qml.PSWAP, 1, 2),
    (qml.Toffoli, 0, 3), (qml.CSWAP, 0, 3), (qml.CCZ, 0, 3), (qml.DoubleExcitation, 1, 4),
]


def random_operations(seed: int, wires: int):
    dice = random.Random(seed)
    for wire in range(wires):
        qml.RY(0.4 + 0.7 * wire, wires=wire)
    for gate, turns, count in dice.sample([gate for gate in GATES if gate[2] <= wires], 16):
        operands = dice.sample(range(wires), count)
        angles = [round(dice.uniform(-3, 3), 3) for _ in range(turns)]
        operation = gate(*angles, wires=operands)
        pick = dice.randrange(6)
        if pick == 0:
            qml.adjoint(operation)
        elif pick == 1 and count < wires:
            free = next(wire for wire in range(wires) if wire not in operands)
            qml.ctrl(operation, control=free, control_values=dice.randrange(2))


def templates() -> dict:
    """Functions of no argument that apply operations, by name, with their number of wires."""
    angles = np.random.default_rng(3).uniform(size=(2, 3, 3))
    return {
        "qft": (3, lambda: (qml.RY(0.7, 0), qml.RY(1.3, 2), qml.QFT(wires=range(3)))),
        "adder": (4, lambda: (qml.RY(0.7, 0), qml.QFT(wires=range(4)), qml.PhaseShift(0.3, 1), qml.adjoint(qml.QFT)(wires=range(4)))),
        "multi_controlled": (5, lambda: ([qml.RY(0.9 + wire, wire) for wire in range(4)], qml.MultiControlledX(wires=[0, 1, 2, 4], control_values=[1, 0, 1]))),
        "entangler": (3, lambda: qml.StronglyEntanglingLayers(angles, wires=range(3))),
        "basic": (3, lambda: qml.BasicEntanglerLayers(angles[0], wires=range(3))),
        "state": (2, lambda: qml.StatePrep(np.array([0.5, 0.5j, -0.5, 0.5]), wires=range(2))),
        "basis": (3, lambda: (qml.BasisState(np.array([1, 0, 1]), wires=range(3)), qml.Hadamard(1))),
        "unitary": (2, lambda: (qml.RY(0.4, 0), qml.QubitUnitary(qml.matrix(qml.CRot(0.1, 0.2, 0.3, wires=[0, 1])), wires=[0, 1]))),
        "diagonal": (2, lambda: (qml.Hadamard(0), qml.Hadamard(1), qml.DiagonalQubitUnitary(np.exp(1j * np.arange(4)), wires=[0, 1]), qml.Hadamard(0))),
        "evolution": (2, lambda: (qml.Hadamard(0), qml.ApproxTimeEvolution(qml.dot([0.3, 0.7], [qml.Z(0) @ qml.X(1), qml.X(0)]), 0.9, 2))),
        "pauli_rotation": (3, lambda: (qml.RY(0.5, 1), qml.PauliRot(0.8, "XYZ", wires=range(3)), qml.MultiRZ(0.4, wires=range(3)), qml.Hadamard(2))),
        "power": (2, lambda: (qml.RY(0.5, 0), qml.pow(qml.SX(0), 3), qml.pow(qml.RX(0.4, 1), 0.5), qml.prod(qml.X(0), qml.H(1)))),
        "phase": (2, lambda: (qml.Hadamard(0), qml.GlobalPhase(0.3), qml.ctrl(qml.GlobalPhase(0.9), control=0), qml.Hadamard(0), qml.X(1))),
    }


def keep(name: str, wires: int, operations) -> None:
    device = qml.device("default.qubit", wires=wires)
    circuit = qml.QNode(lambda: (operations(), qml.probs(wires=range(wires)))[1], device)
    values = circuit()
    # PennyLane writes the first wire leftmost.
    exact = {f"{index:0{wires}b}"[::-1]: float(p) for index, p in enumerate(values)}
    # Without `wires` the qubits would be in the order in which the operations name them.
    store(f"pennylane_{name}", qml.to_openqasm(circuit, wires=range(wires))(), TOOL, exact=exact)


def main() -> None:
    for seed in range(8):
        wires = 2 + seed % 3
        keep(f"random{seed}", wires, lambda: random_operations(seed, wires))
    for name, (wires, operations) in templates().items():
        keep(name, wires, operations)


if __name__ == "__main__":
    main()
