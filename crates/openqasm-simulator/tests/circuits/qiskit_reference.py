"""The exact distribution of a Qiskit circuit with control flow: interprets its instructions over density
matrices, one for each state of the classical variables. The exported text has no part in it."""

import collections

import numpy as np
from qiskit import ClassicalRegister
from qiskit.circuit import (
    BoxOp, BreakLoopOp, Clbit, ContinueLoopOp, Duration, ForLoopOp, IfElseOp, Store, SwitchCaseOp, WhileLoopOp,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.parameterexpression import ParameterExpression
from qiskit.quantum_info import Operator

from qiskit_expressions import value

NEGLIGIBLE = 1e-14
NANOSECONDS = {"ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


class Reference:
    """The exact distribution of a circuit. A state maps each classical environment to the density
    matrix of the shots that are in it; a statement turns a state into the states that go on, break
    and continue."""

    def __init__(self, circuit, inputs, parameters):
        self.qubits = {qubit: number for number, qubit in enumerate(circuit.qubits)}
        self.bits = list(circuit.clbits)
        self.registers = {register.name: register for register in circuit.cregs}
        matrix = np.zeros((1 << len(self.qubits),) * 2, dtype=complex)
        matrix[0, 0] = 1
        start = {bit: False for bit in self.bits} | inputs
        self.final = self.block(circuit, [(start, matrix)], parameters)[0]

    def outcomes(self, declared):
        """The probabilities by outcome; `declared` lists the registers as the text declares them."""
        found = collections.Counter()
        loose = [bit for bit in self.bits if not any(bit in register for register in self.registers.values())]
        registers = [self.registers[name] if name in self.registers else [loose[int(name.removeprefix("_bit"))]] for name in declared]
        for known, matrix in self.final:
            texts = ["".join(str(int(known[bit])) for bit in reversed(list(register))) for register in registers]
            found[" ".join(reversed(texts))] += np.trace(matrix).real
        return {key: float(f"{weight:.12g}") for key, weight in sorted(found.items()) if weight > 1e-12}

    def value(self, node, known):
        """Lets `qiskit_expressions.value` compute a node from what is known of bits and variables."""
        leaves = {}
        for var in expr.iter_vars(node):
            if isinstance(var.var, Clbit):
                leaves[var] = bool(known[var.var])
            elif isinstance(var.var, ClassicalRegister):
                leaves[var] = self.register(var.var, known)
            else:
                leaves[var] = known[var]
        return in_types(node, leaves)

    @staticmethod
    def register(register, known):
        return sum(int(known[bit]) << place for place, bit in enumerate(register))

    def condition(self, condition, known):
        if isinstance(condition, expr.Expr):
            return bool(self.value(condition, known))
        target, wanted = condition
        held = known[target] if isinstance(target, Clbit) else self.register(target, known)
        return int(held) == int(wanted)

    def block(self, circuit, state, parameters):
        """Runs a block. Bits of the block are those of the circuit around it: the builder keeps them."""
        broken, continued = [], []
        for instruction in circuit.data:
            state, left, skipped = self.step(instruction, state, parameters)
            broken += left
            continued += skipped
            state = merged(state)
        return state, broken, continued

    def split(self, state, which):
        parts = collections.defaultdict(list)
        for known, matrix in state:
            parts[which(known)].append((known, matrix))
        return parts

    def step(self, instruction, state, parameters):
        operation = instruction.operation
        if isinstance(operation, BreakLoopOp):
            return [], state, []
        if isinstance(operation, ContinueLoopOp):
            return [], [], state
        if isinstance(operation, IfElseOp):
            parts = self.split(state, lambda known: self.condition(operation.condition, known))
            blocks = [(True, operation.blocks[0])] + [(False, block) for block in operation.blocks[1:]]
            return self.either(parts, dict(blocks), parameters)
        if isinstance(operation, SwitchCaseOp):
            return self.switch(operation, state, parameters)
        if isinstance(operation, (ForLoopOp, WhileLoopOp)):
            return self.loop(operation, state, parameters), [], []
        if isinstance(operation, BoxOp):
            return self.block(operation.body, state, parameters)
        if isinstance(operation, Store):
            return [(self.store(operation, known), matrix) for known, matrix in state], [], []
        return self.apply(instruction, state, parameters), [], []

    def either(self, parts, blocks, parameters):
        """Each part of a state through its own block, those without one unchanged."""
        results = [], [], []
        for key, state in parts.items():
            ends = self.block(blocks[key], state, parameters) if blocks.get(key) else (state, [], [])
            for result, end in zip(results, ends):
                result.extend(end)
        return results

    def switch(self, operation, state, parameters):
        cases = list(operation.cases_specifier())

        def taken(known):
            target = operation.target
            held = self.value(target if isinstance(target, expr.Expr) else expr.lift(target), known)
            for number, (values, _) in enumerate(cases):
                if any(not isinstance(value, int) or value == int(held) for value in values):
                    return number
            return None

        return self.either(self.split(state, taken), dict(enumerate(block for _, block in cases)), parameters)

    def loop(self, operation, state, parameters):
        if isinstance(operation, ForLoopOp):
            indices, parameter, body = operation.params
            left = []
            for index in indices:
                known = parameters if parameter is None else parameters | {parameter: index}
                state, broken, continued = self.block(body, state, known)
                left += broken
                state = merged(state + continued)
            return state + left
        left, turns = [], 0
        while state:
            parts = self.split(state, lambda known: self.condition(operation.condition, known))
            left += parts[False]
            state, broken, continued = self.block(operation.blocks[0], parts[True], parameters)
            left += broken
            state = merged(state + continued)
            turns += 1
            assert turns < 2000, "a loop without an end"
        return merged(left)

    def store(self, operation, known):
        """The environment after a store into a variable, a register, a bit, or one bit of these."""
        target, stored = operation.lvalue, self.value(operation.rvalue, known)
        if isinstance(target, expr.Index):
            place = int(self.value(target.index, known))
            whole = int(self.value(target.target, known))
            target, stored = target.target, whole & ~(1 << place) | int(stored) << place
        if isinstance(target.var, Clbit):
            return known | {target.var: stored}
        if isinstance(target.var, ClassicalRegister):
            return known | {bit: bool(stored >> place & 1) for place, bit in enumerate(target.var)}
        return known | {target: stored}

    def apply(self, instruction, state, parameters):
        operation, name = instruction.operation, instruction.operation.name
        places = [self.qubits[qubit] for qubit in instruction.qubits]
        if name in ("barrier", "delay", "noop"):
            return state
        if name == "measure":
            bit = instruction.clbits[0]
            return [
                (known | {bit: bool(outcome)}, self.project(matrix, places[0], outcome, outcome))
                for known, matrix in state
                for outcome in (0, 1)
            ]
        if name == "reset":
            return [
                (known, sum(self.project(matrix, places[0], outcome, 0) for outcome in (0, 1))) for known, matrix in state
            ]
        if operation.params and any(isinstance(value, ParameterExpression) for value in operation.params):
            bound = [
                value.bind({p: parameters[p] for p in value.parameters}) if isinstance(value, ParameterExpression) else value
                for value in operation.params
            ]
            operation = type(operation)(*map(float, bound))
        gate = Operator(operation).data
        return [(known, conjugated(matrix, gate, places, len(self.qubits))) for known, matrix in state]

    def project(self, matrix, place, outcome, after):
        """What is left where a qubit was found in a state, moved to another."""
        part = np.zeros((2, 2), dtype=complex)
        part[after, outcome] = 1
        return conjugated(matrix, part, [place], len(self.qubits))


def in_types(node, leaves):
    """`value` of qiskit_expressions, and durations in nanoseconds."""
    if isinstance(node, expr.Value) and isinstance(node.value, Duration):
        return node.value.value() * NANOSECONDS[node.value.unit()]
    if isinstance(node, expr.Unary) and node.op is expr.Unary.Op.NEGATE:
        return -in_types(node.operand, leaves)
    if isinstance(node, expr.Binary) and types.Duration() in (node.left.type, node.right.type):
        left, right = in_types(node.left, leaves), in_types(node.right, leaves)
        op = expr.Binary.Op
        return {
            op.ADD: lambda: left + right, op.SUB: lambda: left - right, op.MUL: lambda: left * right,
            op.DIV: lambda: left / right, op.LESS: lambda: left < right, op.GREATER: lambda: left > right,
            op.EQUAL: lambda: left == right, op.NOT_EQUAL: lambda: left != right,
            op.LESS_EQUAL: lambda: left <= right, op.GREATER_EQUAL: lambda: left >= right,
        }[node.op]()
    if isinstance(node, expr.Binary):
        left, right = (held(side, leaves) for side in (node.left, node.right))
        return value(expr.Binary(node.op, left, right, node.type), leaves)
    if isinstance(node, expr.Unary):
        return value(expr.Unary(node.op, held(node.operand, leaves), node.type), leaves)
    return value(node, leaves)


def held(node, leaves):
    """A node with its value in place of it."""
    return expr.Value(in_types(node, leaves), node.type)


def conjugated(matrix, gate, places, qubits):
    """gate · matrix · gate†; the first place is the lowest bit of the gate's index."""
    for side in (gate, gate.conj()):
        axes = [qubits - 1 - place for place in reversed(places)]
        if side is not gate:
            axes = [axis + qubits for axis in axes]
        tensor = matrix.reshape((2,) * (2 * qubits))
        part = side.reshape((2,) * (2 * len(places)))
        tensor = np.tensordot(part, tensor, axes=(list(range(len(places), 2 * len(places))), axes))
        matrix = np.moveaxis(tensor, range(len(places)), axes).reshape(1 << qubits, 1 << qubits)
    return matrix


def merged(state):
    """Adds the density matrices of equal environments, and drops those that no shot is in."""
    sums, kept = {}, {}
    for known, matrix in state:
        key = frozenset(known.items())
        kept[key] = known
        sums[key] = sums[key] + matrix if key in sums else matrix
    return [(kept[key], matrix) for key, matrix in sums.items() if np.trace(matrix).real > NEGLIGIBLE]
