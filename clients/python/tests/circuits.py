"""Circuits of all kinds, each with a measurement."""

from __future__ import annotations

import math
from collections.abc import Callable

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import (
    AnnotatedOperation,
    Clbit,
    ControlModifier,
    InverseModifier,
    Parameter,
    Qubit,
    random,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import (
    DiagonalGate,
    Isometry,
    PauliEvolutionGate,
    PauliGate,
    PermutationGate,
    QFTGate,
    RYGate,
    UnitaryGate,
    XGate,
    efficient_su2,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import SparsePauliOp, random_unitary


def _all_gates(names: list[str]) -> QuantumCircuit:
    circuit = QuantumCircuit(4)
    for qubit in range(4):
        circuit.ry(0.3 + 0.5 * qubit, qubit)
    gates = get_standard_gate_name_mapping()
    for index, name in enumerate(names):
        gate = gates[name]
        values = [0.4 + 0.3 * place + 0.1 * index for place in range(len(gate.params))]
        circuit.append(gate.base_class(*values), [(index + place) % 4 for place in range(gate.num_qubits)])
        circuit.rx(0.7, index % 4)
    circuit.measure_all()
    return circuit


def _prepared(gate: object, qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    for qubit in range(qubits):
        circuit.ry(0.4 + 0.6 * qubit, qubit)
    circuit.append(gate, range(qubits))
    for qubit in range(qubits):
        circuit.rx(0.5 + 0.2 * qubit, qubit)
    circuit.measure_all()
    return circuit


def _registers() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(4, "if"), ClassicalRegister(1, "z"), ClassicalRegister(3, "a b"))
    circuit.x(0)
    circuit.ry(0.8, 2)
    circuit.measure([0, 1, 2, 3], [2, 0, 3, 1])
    return circuit


def _loose_bits(with_condition: bool) -> QuantumCircuit:
    named = ClassicalRegister(2, "named")
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit()], named, [Clbit()])
    circuit.ry(0.9, 0)
    circuit.measure(0, 3)
    if with_condition:
        with circuit.if_test((circuit.clbits[3], 1)):
            circuit.x(1)
    circuit.measure(1, 0)
    circuit.ry(0.6, 0)
    circuit.measure(0, 2)
    return circuit


def _aliased() -> QuantumCircuit:
    bits = [Clbit() for _ in range(3)]
    circuit = QuantumCircuit(QuantumRegister(3, "q"), bits)
    circuit.add_register(ClassicalRegister(bits=bits[:2], name="low"))
    circuit.add_register(ClassicalRegister(bits=bits[1:], name="high"))
    circuit.ry(0.7, 0)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.cregs[0], 2)):
        circuit.x(2)
    circuit.measure(2, 2)
    return circuit


def _teleport() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.ry(1.1, 0)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(2)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(2)
    circuit.measure(2, 2)
    return circuit


def _register_condition() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "c"), ClassicalRegister(1, "out"))
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    with circuit.switch(circuit.cregs[0]) as case:
        with case(1, 2):
            circuit.x(2)
        with case(case.DEFAULT):
            circuit.ry(0.5, 2)
    circuit.measure(2, 2)
    return circuit


def _loop_of_halves() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    step = Parameter("t")
    with circuit.for_loop(range(4), step):
        circuit.ry(step / 2, 0)
        with circuit.for_loop(range(2)):
            circuit.ry(step / 3, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def _loop_down() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    step = Parameter("down")
    with circuit.for_loop(range(3, 0, -1), step):
        circuit.ry(step / 5, 0)
    circuit.measure(0, 0)
    return circuit


def _loop_with_break() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(3)):
        circuit.h(0)
        circuit.measure(0, 0)
        with circuit.if_test((0, 1)):
            circuit.break_loop()
    return circuit


def _while_loop() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.h(0)
        circuit.ry(0.3, 1)
        circuit.measure(0, 0)
    circuit.measure(1, 1)
    return circuit


def _expression() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test(expr.bit_xor(circuit.clbits[0], circuit.clbits[1])):
        circuit.x(2)
    circuit.measure(2, 2)
    return circuit


def _reset_and_reuse() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.reset(0)
    circuit.ry(0.8, 0)
    circuit.barrier()
    circuit.delay(100, 0, "dt")
    circuit.measure(0, 2)
    circuit.measure(1, 1)
    return circuit


def _initialized() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.initialize([0.5, 0.5j, 0, -0.5, 0, 0.5, 0, 0], [2, 0, 1])
    circuit.h(1)
    circuit.measure([0, 1, 2], [0, 1, 2])
    return circuit


def _ghost_of_a_name() -> QuantumCircuit:
    """A gate of the user's own with the name of a standard one."""
    own = QuantumCircuit(1, name="h")
    own.ry(0.4, 0)
    circuit = QuantumCircuit(1)
    circuit.append(own.to_gate(), [0])
    circuit.measure_all()
    return circuit


_STANDARD = [
    name
    for name in get_standard_gate_name_mapping()
    if name not in ("measure", "reset", "delay", "global_phase")
]
_ODD = XGate().control(3, ctrl_state=2)

KINDS: dict[str, Callable[[], QuantumCircuit]] = {
    **{
        f"standard gates {start}": lambda start=start: _all_gates(_STANDARD[start : start + 4])
        for start in range(0, len(_STANDARD), 4)
    },
    **{
        f"random {seed}": lambda seed=seed: random.random_circuit(
            2 + seed % 4, 4, max_operands=3, measure=True, seed=seed
        )
        for seed in range(24)
    },
    "ansatz": lambda: (
        efficient_su2(4).assign_parameters([0.1 * index for index in range(32)]).measure_all(False)
    ),
    "open controls": lambda: _prepared(_ODD, 4),
    "unitary": lambda: _prepared(UnitaryGate(random_unitary(8, seed=3)), 3),
    "diagonal": lambda: _prepared(DiagonalGate([1, 1j, -1, 1]), 2),
    "isometry": lambda: _prepared(Isometry(random_unitary(4, seed=5).data, 0, 0), 2),
    "pauli": lambda: _prepared(PauliGate("XYZ"), 3),
    "permutation": lambda: _prepared(PermutationGate([2, 0, 1]), 3),
    "QFT": lambda: _prepared(QFTGate(3), 3),
    "evolution": lambda: _prepared(PauliEvolutionGate(SparsePauliOp(["XXI", "IZZ"], [0.3, 0.4]), 0.7), 3),
    "annotated": lambda: _prepared(
        AnnotatedOperation(RYGate(0.7), [ControlModifier(2, 1), InverseModifier()]), 3
    ),
    "initialized": _initialized,
    "gate with a standard name": _ghost_of_a_name,
    "registers": _registers,
    "loose bits": lambda: _loose_bits(False),
    "loose bits with a condition": lambda: _loose_bits(True),
    "aliased": _aliased,
    "teleport": _teleport,
    "register condition": _register_condition,
    "loop of halves": _loop_of_halves,
    "loop down": _loop_down,
    "loop with break": _loop_with_break,
    "while": _while_loop,
    "expression": _expression,
    "reset": _reset_and_reuse,
    "wide angle": lambda: _prepared(RYGate(17 * math.pi / 3), 1),
}
