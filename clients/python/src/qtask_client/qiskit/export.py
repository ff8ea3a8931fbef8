"""Translates Qiskit's circuits to OpenQASM 3."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit import QuantumCircuit, qasm3, transpile
from qiskit.circuit import ControlFlowOp, Parameter
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping

from ..errors import UsageError
from .layout import Layout
from .unroll import unroll_loops

_NOT_GATES = frozenset({"measure", "reset", "delay", "global_phase"})
_STANDARD = {
    name: gate.base_class for name, gate in get_standard_gate_name_mapping().items() if name not in _NOT_GATES
}
BASIS_GATES = sorted(_STANDARD)
# `rcccx` is not in the simulator's library; the exporter writes its definition.
_WRITTEN = {name: kind for name, kind in _STANDARD.items() if name not in ("rcccx", "c3sx")}
_EXPORTED = frozenset(
    {"barrier", "measure", "reset", "delay", "break_loop", "continue_loop", "store", "global_phase"}
)


@dataclass(frozen=True)
class Exported:
    """A circuit as text, with the names of its parameters in Qiskit's order."""

    text: str
    layout: Layout
    parameters: list[str]


def export(circuit: QuantumCircuit, needs_measurement: bool = True) -> Exported:
    """Translates a circuit. Its parameters become the inputs `p0`, `p1`, ..."""
    if needs_measurement and not _is_measured(circuit):
        raise UsageError(f"circuit {circuit.name!r} has no measurement: call measure_all() before you run it")
    if not _is_supported(circuit):
        circuit = transpile(circuit, basis_gates=[*BASIS_GATES], optimization_level=0)
    names = [f"p{index}" for index in range(len(circuit.parameters))]
    if names:
        circuit = circuit.assign_parameters(
            dict(zip(circuit.parameters, map(Parameter, names), strict=True)), inplace=False
        )
    if _is_flat(circuit):
        bits = [list(range(circuit.num_clbits))] if circuit.num_clbits else []
        return Exported(_written(circuit, names), Layout(circuit.num_clbits, bits), names)
    circuit = unroll_loops(circuit)
    text = qasm3.dumps(circuit, allow_aliasing=True)
    return Exported(text, _exported_layout(circuit), names)


def _is_measured(circuit: QuantumCircuit) -> bool:
    return any(
        item.operation.name == "measure"
        or (isinstance(item.operation, ControlFlowOp) and any(map(_is_measured, item.operation.blocks)))
        for item in circuit.data
    )


def _is_supported(circuit: QuantumCircuit) -> bool:
    for item in circuit.data:
        operation = item.operation
        if isinstance(operation, ControlFlowOp):
            if not all(map(_is_supported, operation.blocks)):
                return False
        elif operation.name not in _EXPORTED and not _is_standard(operation):
            return False
    return True


def _is_standard(operation: object) -> bool:
    return getattr(operation, "base_class", None) is _STANDARD.get(getattr(operation, "name", ""), object)


def _is_flat(circuit: QuantumCircuit) -> bool:
    if any(True for _ in circuit.iter_vars()) or any(True for _ in circuit.iter_stretches()):
        return False
    return all(
        item.operation.name in ("barrier", "measure", "reset", "delay") or item.operation.name in _WRITTEN
        for item in circuit.data
    )


def _written(circuit: QuantumCircuit, inputs: list[str]) -> str:
    """Writes a circuit without control flow; ten times as fast as the exporter."""
    lines = ["OPENQASM 3.0;", *(f"input float[64] {name};" for name in inputs)]
    if circuit.num_qubits:
        lines.append(f"qubit[{circuit.num_qubits}] q;")
    if circuit.num_clbits:
        lines.append(f"bit[{circuit.num_clbits}] c;")
    qubits = {bit: f"q[{index}]" for index, bit in enumerate(circuit.qubits)}
    clbits = {bit: f"c[{index}]" for index, bit in enumerate(circuit.clbits)}
    for item in circuit.data:
        operation = item.operation
        name = operation.name
        operands = ", ".join([qubits[bit] for bit in item.qubits])
        if name == "measure":
            lines.append(f"{clbits[item.clbits[0]]} = measure {operands};")
        elif name in ("barrier", "reset"):
            lines.append(f"{name} {operands};")
        elif name != "delay":
            values = ", ".join([_value(value) for value in operation.params])
            lines.append(f"{name}({values}) {operands};" if values else f"{name} {operands};")
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    return repr(float(value)) if isinstance(value, int | float) else str(value)


def _exported_layout(circuit: QuantumCircuit) -> Layout:
    """The exporter declares bits outside of registers first. If registers share
    bits, it declares each bit.
    """
    place = {bit: index for index, bit in enumerate(circuit.clbits)}
    in_registers = [bit for register in circuit.cregs for bit in register]
    if len(set(in_registers)) != len(in_registers):
        return Layout(len(place), [[index] for index in range(len(place))])
    owned = set(in_registers)
    loose = [[index] for bit, index in place.items() if bit not in owned]
    return Layout(len(place), loose + [[place[bit] for bit in register] for register in circuit.cregs])
