"""Writes circuits of Amazon Braket's SDK, as `Circuit.to_ir` exports them, with what its local simulator computes.

    python3 -m venv /tmp/b && /tmp/b/bin/pip install amazon-braket-sdk==1.127.5
    /tmp/b/bin/python crates/openqasm-simulator/tests/circuits/write_braket.py
"""

import random
from importlib.metadata import version

import numpy as np
from braket.circuits import Circuit, FreeParameter, Observable
from braket.circuits.serialization import IRType
from braket.devices import LocalSimulator

from stored import store

TOOL = f"Amazon Braket SDK {version('amazon-braket-sdk')}, Circuit.to_ir"
# name: (number of angles, number of qubits)
GATES = {
    "h": (0, 1), "x": (0, 1), "y": (0, 1), "z": (0, 1), "s": (0, 1), "si": (0, 1), "t": (0, 1), "ti": (0, 1), "v": (0, 1),
    "vi": (0, 1), "i": (0, 1), "rx": (1, 1), "ry": (1, 1), "rz": (1, 1), "phaseshift": (1, 1), "u": (3, 1), "gpi": (1, 1),
    "gpi2": (1, 1), "prx": (2, 1), "cnot": (0, 2), "cv": (0, 2), "cy": (0, 2), "cz": (0, 2), "ecr": (0, 2), "swap": (0, 2),
    "iswap": (0, 2), "cphaseshift": (1, 2), "cphaseshift00": (1, 2), "cphaseshift01": (1, 2), "cphaseshift10": (1, 2),
    "pswap": (1, 2), "xy": (1, 2), "xx": (1, 2), "yy": (1, 2), "zz": (1, 2), "ms": (3, 2), "ccnot": (0, 3), "cswap": (0, 3),
}


def angles(dice: random.Random, count: int) -> list[float]:
    return [round(dice.uniform(-3, 3), 3) for _ in range(count)]


def random_circuit(seed: int, qubits: int, controls: bool) -> Circuit:
    """Every gate once in a random order, with control modifiers and powers where asked for."""
    dice = random.Random(seed)
    circuit = Circuit()
    for qubit in range(qubits):
        circuit.ry(qubit, 0.4 + 0.7 * qubit)
    names = [name for name in GATES if GATES[name][1] <= qubits]
    dice.shuffle(names)
    for name in names:
        turns, count = GATES[name]
        # Neighbours: the local simulator computes a control that is two qubits away otherwise than the text says.
        first = dice.randrange(max(1, qubits - count))
        operands = list(range(first, min(qubits, first + count + 1)))
        dice.shuffle(operands)
        modifiers = {}
        # Gates that have a control already take no further ones. Braket's `u` is exported as `U`, which has another phase.
        if controls and name[0] not in "cu" and len(operands) > count and dice.random() < 0.6:
            control = operands[count:]
            modifiers = {"control": control, "control_state": [dice.randrange(2) for _ in control]}
        # The local simulator ignores the power of `cnot` and `swap`.
        if controls and name not in ("cnot", "swap") and dice.random() < 0.5:
            modifiers["power"] = dice.choice([2, -1, 3])
        getattr(circuit, name)(*operands[:count], *angles(dice, turns), **modifiers)
    return circuit


def exact(circuit: Circuit, targets: list[int], inputs=None) -> dict[str, float]:
    """The probabilities of the local simulator; Braket writes the first qubit leftmost."""
    asked = circuit.copy().probability(target=targets)
    values = LocalSimulator("braket_sv").run(asked, shots=0, inputs=inputs or {}).result().values[0]
    return {f"{index:0{len(targets)}b}"[::-1]: float(p) for index, p in enumerate(values)}


def export(circuit: Circuit) -> str:
    return circuit.to_ir(IRType.OPENQASM).source


def keep(name: str, circuit: Circuit, measured: list[int] | None = None, inputs=None) -> None:
    targets = measured or [int(qubit) for qubit in sorted(circuit.qubits)]
    probabilities = exact(circuit, targets, inputs)
    if measured:
        circuit.measure(measured)
    given = {"parameters": inputs} if inputs else {}
    store(f"braket_{name}", export(circuit), TOOL, exact=probabilities, **given)


def with_parameters() -> Circuit:
    theta, phi = FreeParameter("theta"), FreeParameter("phi")
    circuit = Circuit().h(0).rx(0, theta).cphaseshift(0, 1, phi / 2).ry(1, 2 * theta - phi).gpi2(1, phi)
    return circuit.ry(2, theta * phi, control=[0, 1]).gphase(phi).ms(1, 2, theta, phi, 0.3)


def accepted() -> None:
    for seed in range(4):
        keep(f"gates{seed}", random_circuit(seed, 2 + seed, False))
        keep(f"modifiers{seed}", random_circuit(10 + seed, 3 + seed, True))
    keep("free", with_parameters(), inputs={"theta": 0.7, "phi": -1.3})
    keep("gap", Circuit().ry(3, 0.7).cnot(3, 7).h(5).cswap(7, 5, 3))
    keep("gap_part", Circuit().ry(3, 0.7).cnot(3, 7).h(5).ccnot(3, 5, 7), [7, 3])
    keep("power", Circuit().h(0).x(1, power=0.5, control=0).z(0, power=-0.5).s(1, power=1.5).gphase(0.3, control=[0, 1]).h(0).h(1))
    keep("adjoint", Circuit().h(0).add_circuit(random_circuit(31, 2, False).adjoint()))
    keep("barrier", Circuit().h(0).barrier([0, 1]).cnot(0, 1).barrier().ry(1, 0.4))
    verbatim = Circuit().add_verbatim_box(Circuit().prx(0, 0.2, 0.4).cz(0, 1).prx(1, 0.7, 0.1))
    keep("native", verbatim)
    keep("global", Circuit().gphase(0.4).h(0).ry(0, 0.3).gphase(-1.1, control=0).h(0))
    qft = Circuit().x(0).ry(2, 0.8)
    for target in range(3):
        qft.h(target)
        for control in range(target + 1, 3):
            qft.cphaseshift(control, target, np.pi / 2 ** (control - target))
    keep("qft", qft.swap(0, 2))


def refused() -> None:
    """What would be computed or returned otherwise if its pragma were left out."""
    bell = Circuit().h(0).cnot(0, 1)
    unitary = np.array([[0, 1], [1, 0]])
    cases = {
        "unitary": bell.copy().unitary(matrix=unitary, targets=[0]),
        "noise": bell.copy().bit_flip(0, 0.1),
        "kraus": bell.copy().kraus([0], [np.sqrt(0.5) * np.eye(2), np.sqrt(0.5) * unitary]),
        "readout": Circuit().h(0).depolarizing(0, 0.05).measure(0),
        "state_vector": bell.copy().state_vector(),
        "density_matrix": bell.copy().density_matrix(),
        "amplitude": bell.copy().amplitude(["00", "11"]),
        "probability": bell.copy().probability([0]),
        "expectation": bell.copy().expectation(Observable.X() @ Observable.Z(), [0, 1]),
        "variance": bell.copy().variance(Observable.Y(), 0),
        "sample": bell.copy().sample(Observable.Z(), 0),
        "hermitian": bell.copy().expectation(Observable.Hermitian(unitary), 0),
    }
    for name, circuit in cases.items():
        store(f"braket_refused_{name}", export(circuit), TOOL, refused="pragma")


if __name__ == "__main__":
    accepted()
    refused()
