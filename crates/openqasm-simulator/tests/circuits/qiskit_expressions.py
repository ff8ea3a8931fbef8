"""Writes random programs over Qiskit's classical expressions, as `qasm3.dumps` exports them, with
the outcome that the types of Qiskit's own nodes give.

    python3 -m venv /tmp/q && /tmp/q/bin/pip install qiskit
    /tmp/q/bin/python crates/openqasm-simulator/tests/circuits/qiskit_expressions.py 200 > crates/openqasm-simulator/tests/circuits/qiskit_expressions.json
"""

import json
import random
import sys

import qiskit
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3
from qiskit.circuit.classical import expr, types

WIDTHS = [2, 3, 5, 8, 13, 16, 31, 32]


def value(node, known):
    """What a node stands for, computed modulo the width of its own type."""
    if isinstance(node, expr.Value):
        return node.value
    if isinstance(node, expr.Var):
        return known[node]
    if isinstance(node, expr.Cast):
        inner = value(node.operand, known)
        if node.type.kind is types.Bool:
            return bool(inner)
        if node.type.kind is types.Float:
            return float(inner)
        return int(inner) % (1 << node.type.width)
    if isinstance(node, expr.Index):
        return bool(value(node.target, known) >> value(node.index, known) & 1)
    if isinstance(node, expr.Unary):
        inner = value(node.operand, known)
        if node.op is expr.Unary.Op.LOGIC_NOT:
            return not inner
        if node.type.kind is types.Bool:
            return not inner
        return ~inner % (1 << node.type.width)
    left, right = value(node.left, known), value(node.right, known)
    op = expr.Binary.Op
    results = {
        op.BIT_AND: lambda: left & right,
        op.BIT_OR: lambda: left | right,
        op.BIT_XOR: lambda: left ^ right,
        op.LOGIC_AND: lambda: left and right,
        op.LOGIC_OR: lambda: left or right,
        op.EQUAL: lambda: left == right,
        op.NOT_EQUAL: lambda: left != right,
        op.LESS: lambda: left < right,
        op.LESS_EQUAL: lambda: left <= right,
        op.GREATER: lambda: left > right,
        op.GREATER_EQUAL: lambda: left >= right,
        op.SHIFT_LEFT: lambda: left << right if right < 64 else 0,
        op.SHIFT_RIGHT: lambda: left >> right,
        op.ADD: lambda: left + right,
        op.SUB: lambda: left - right,
        op.MUL: lambda: left * right,
        op.DIV: lambda: left / right if node.type.kind is types.Float else left // right,
    }
    result = results[node.op]()
    if node.type.kind is types.Uint:
        return result % (1 << node.type.width)
    return result


def some(rng, leaves, kind, depth):
    """An expression of a kind: Bool, Uint or Float. Literals stand beside variables only: a literal
    has no type in the exported text."""

    def leaf(kind):
        return rng.choice([v for v in leaves if v.type.kind is kind])

    def other(kind, like):
        if rng.random() < 0.3:
            if kind is types.Float:
                return rng.randrange(40) / 8
            return rng.randrange(1 << min(like.type.width, 20))
        return some(rng, leaves, kind, depth - 1)

    if depth == 0:
        return leaf(kind)
    if kind is types.Bool:
        pick = rng.randrange(7)
        if pick == 0:
            return rng.choice([expr.logic_not, expr.bit_not])(some(rng, leaves, kind, depth - 1))
        if pick in (1, 2):
            both = [expr.logic_and, expr.logic_or, expr.bit_and, expr.bit_or, expr.bit_xor]
            return rng.choice(both)(*(some(rng, leaves, kind, depth - 1) for _ in range(2)))
        if pick == 3:
            return expr.cast(some(rng, leaves, types.Uint, depth - 1), types.Bool())
        if pick == 4:
            whole = leaf(types.Uint)
            return expr.index(whole, rng.randrange(whole.type.width))
        compare = [expr.equal, expr.not_equal, expr.less, expr.less_equal, expr.greater, expr.greater_equal]
        of = rng.choice([types.Uint, types.Uint, types.Float])
        left = some(rng, leaves, of, depth - 1)
        return rng.choice(compare)(left, other(of, left))
    if kind is types.Uint:
        pick = rng.randrange(8)
        if pick == 0:
            return expr.bit_not(some(rng, leaves, kind, depth - 1))
        if pick == 1:
            of = rng.choice([types.Uint, types.Bool])
            return expr.cast(some(rng, leaves, of, depth - 1), types.Uint(rng.choice(WIDTHS)))
        if pick == 2:
            return rng.choice([expr.shift_left, expr.shift_right])(
                some(rng, leaves, kind, depth - 1), rng.randrange(10)
            )
        both = [expr.add, expr.sub, expr.mul, expr.div, expr.bit_and, expr.bit_or, expr.bit_xor]
        left = some(rng, leaves, kind, depth - 1)
        right = other(kind, left)
        if not isinstance(right, int) and rng.random() < 0.2:
            left = rng.randrange(1 << min(right.type.width, 20))
        return rng.choice(both)(left, right)
    if rng.random() < 0.2:
        return expr.cast(some(rng, leaves, types.Uint, depth - 1), types.Float())
    left = some(rng, leaves, kind, depth - 1)
    return rng.choice([expr.add, expr.sub, expr.mul, expr.div])(left, other(kind, left))


def case(seed):
    rng = random.Random(seed)
    qubits, register = QuantumRegister(4, "q"), ClassicalRegister(3, "c")
    result = ClassicalRegister(1, "r")
    circuit = QuantumCircuit(qubits, register, result)
    bits = rng.randrange(8)
    for place in range(3):
        if bits >> place & 1:
            circuit.x(place)
    circuit.measure(qubits[:3], register)
    whole = expr.lift(register)
    known, leaves = {whole: bits}, [whole]
    for place in range(2):
        one = expr.lift(register[place])
        leaves.append(one)
        known[one] = bool(bits >> place & 1)
    for number in range(4):
        width = rng.choice(WIDTHS)
        kind, first = rng.choice(
            [
                (types.Uint(width), rng.randrange(1 << width)),
                (types.Bool(), rng.random() < 0.5),
                (types.Float(), rng.randrange(80) / 8),
            ]
        )
        variable = circuit.add_var(f"v{number}", expr.Value(first, kind))
        leaves.append(variable)
        known[variable] = first
    if not any(leaf.type.kind is types.Float for leaf in leaves):
        variable = circuit.add_var("f", expr.Value(2.5, types.Float()))
        leaves.append(variable)
        known[variable] = 2.5
    wanted = some(rng, leaves, types.Bool, rng.randrange(2, 6))
    truth = value(wanted, known)
    with circuit.if_test(wanted):
        circuit.x(3)
    circuit.measure(3, result[0])
    return {"program": qasm3.dumps(circuit), "outcome": f"{int(truth)} {bits:03b}"}


def main(count):
    print(f"qiskit {qiskit.__version__}", file=sys.stderr)
    cases, seed = [], 0
    while len(cases) < count:
        seed += 1
        try:
            cases.append(case(seed))
        except (ZeroDivisionError, TypeError, OverflowError):
            continue
    json.dump(cases, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(int(sys.argv[1]))
