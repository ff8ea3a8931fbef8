"""Unrolls loops: the exporter writes a loop's parameter as an integer, whose division is integer division."""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, ForLoopOp

from ..errors import UsageError


def unroll_loops(circuit: QuantumCircuit) -> QuantumCircuit:
    """Returns the circuit without `for` loops, except for those that are left early."""
    if not any(isinstance(item.operation, ControlFlowOp) for item in circuit.data):
        return circuit
    unrolled = circuit.copy_empty_like()
    for item in circuit.data:
        operation = item.operation
        if isinstance(operation, ForLoopOp):
            _append_loop(unrolled, operation, item.qubits, item.clbits)
        elif isinstance(operation, ControlFlowOp):
            blocks = [unroll_loops(block) for block in operation.blocks]
            unrolled.append(operation.replace_blocks(blocks), item.qubits, item.clbits, copy=False)
        else:
            unrolled.append(operation, item.qubits, item.clbits, copy=False)
    return unrolled


def _append_loop(circuit: QuantumCircuit, loop: ForLoopOp, qubits: object, clbits: object) -> None:
    values, parameter, body = loop.params
    body = unroll_loops(body)
    has_variables = any(True for _ in body.iter_declared_vars())
    if _is_left_early(body) or has_variables:
        if parameter is not None and parameter in getattr(body, "parameters", ()):
            raise UsageError(
                f"the loop over {parameter} has a break, a continue or a variable of its own, and uses its "
                "parameter: write the iterations out"
            )
        circuit.append(ForLoopOp(tuple(values), None, body), qubits, clbits, copy=False)
        return
    for value in values:
        iteration = body
        if parameter is not None and parameter in body.parameters:
            iteration = body.assign_parameters({parameter: value})
        circuit.compose(iteration, qubits=qubits, clbits=clbits, inplace=True, inline_captures=True)


def _is_left_early(body: QuantumCircuit) -> bool:
    for item in body.data:
        operation = item.operation
        if operation.name in ("break_loop", "continue_loop"):
            return True
        nested = operation.blocks if isinstance(operation, ControlFlowOp) else ()
        if operation.name not in ("for_loop", "while_loop") and any(map(_is_left_early, nested)):
            return True
    return False
