"""Writes random Qiskit circuits with control flow, as `qasm3.dumps` exports them, with the exact
probability of each outcome.

    python3 -m venv /tmp/q && /tmp/q/bin/pip install qiskit==2.6.2 qiskit-aer==0.18.2
    /tmp/q/bin/python crates/openqasm-simulator/tests/circuits/qiskit_control_flow.py 200 > crates/openqasm-simulator/tests/circuits/qiskit_control_flow.json

The probabilities come from Qiskit's own circuit, never from the text (`qiskit_reference.py`). Circuits that Aer runs
are sampled by it too, and the script stops if the two disagree.

Qiskit writes two things that mean something else in OpenQASM 3, and that have no place here: `t/2` for half of a loop
parameter, which is a division of whole numbers, and `[3:-1:-1]` for `range(3, 0, -1)`, which has two turns more.
"""

import collections
import json
import random
import re
import sys

import numpy as np
import qiskit
import qiskit_aer
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3
from qiskit.circuit import Clbit, Duration, Parameter
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import XGate, YGate

from qiskit_expressions import some
from qiskit_reference import Reference

SHOTS = 20_000


class Writer:
    """Draws a circuit."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        # Every third has no variables, inputs and durations: Aer runs hardly any circuit that has.
        self.plain = seed % 3 == 0
        self.qubits = self.dice.randint(2, 4)
        registers = [ClassicalRegister(self.dice.randint(1, 3), name) for name in "cd"[: self.dice.randint(1, 2)]]
        loose = [Clbit() for _ in range(self.dice.choice([0, 0, 1]))]
        self.circuit = QuantumCircuit(QuantumRegister(self.qubits, "q"), loose, *registers)
        self.inputs, self.numbers, self.known = {}, {}, {}
        self.leaves = [expr.lift(register) for register in registers] + [expr.lift(bit) for bit in self.circuit.clbits]
        self.locals = 0
        self.parameters = []
        self.stretch = None
        self.declare()
        for qubit in range(self.qubits):
            self.circuit.ry(round(0.4 + 0.7 * qubit, 2), qubit)
        for _ in range(self.dice.randint(4, 7)):
            self.step(0, False)
        last = ClassicalRegister(self.qubits, "last")
        self.circuit.add_register(last)
        self.circuit.measure(range(self.qubits), last)

    def declare(self):
        """Inputs and variables of the whole circuit."""
        dice, circuit = self.dice, self.circuit
        if self.plain:
            return
        for name in ("n", "on")[: dice.choice([0, 0, 1, 2])]:
            kind = types.Uint(dice.choice([2, 4, 8])) if name == "n" else types.Bool()
            variable = circuit.add_input(name, kind)
            self.inputs[variable] = dice.random() < 0.5 if name == "on" else dice.randrange(1 << kind.width)
            self.leaves.append(variable)
        if dice.random() < 0.25:
            theta = Parameter("theta")
            self.numbers[theta] = round(dice.uniform(-3, 3), 3)
            self.parameters.append(theta)
        for _ in range(dice.randint(0, 2)):
            self.variable()
        if not any(leaf.type.kind is types.Float for leaf in self.leaves):
            self.leaves.append(circuit.add_var("f", expr.Value(1.5, types.Float())))
        if dice.random() < 0.3:
            self.stretch = circuit.add_stretch("s")

    def variable(self):
        """Declares a variable where the circuit is being written."""
        if self.plain:
            return
        width = self.dice.choice([3, 8, 16])
        kind, first = self.dice.choice(
            [(types.Uint(width), self.dice.randrange(1 << width)), (types.Bool(), self.dice.random() < 0.5), (types.Float(), 2.5)]
        )
        self.locals += 1
        self.leaves.append(self.circuit.add_var(f"v{self.locals}", expr.Value(first, kind)))

    def bit(self):
        return self.dice.choice(self.circuit.clbits)

    def boolean(self):
        return self.expression(types.Bool, self.dice.randint(1, 3))

    def expression(self, kind, depth):
        """Draws until Qiskit accepts the types of the operands."""
        while True:
            try:
                return some(self.dice, self.leaves, kind, depth)
            except (TypeError, IndexError):  # Unequal types, or no leaf of a kind.
                continue

    def duration(self):
        """A constant duration, sums and multiples of them, and a stretch at times."""
        dice = self.dice
        first = expr.lift(getattr(Duration, dice.choice(["ns", "us"]))(dice.choice([1, 2.5, 100])))
        pick = dice.randrange(5)
        if pick == 0:
            return expr.add(first, Duration.ns(20))
        if pick == 1:
            return expr.mul(dice.choice([2, 0.5]), first)
        if pick == 2 and self.stretch is not None:
            return expr.add(self.stretch, first)
        if pick == 3 and self.stretch is not None:
            return expr.mul(2, self.stretch)
        return first

    def condition(self):
        """What a branch depends on, old and new."""
        pick = self.dice.choice([0, 1, 3] if self.plain else range(6))
        if pick == 0:
            return (self.bit(), self.dice.randrange(2))
        if pick == 1:
            register = self.dice.choice(self.circuit.cregs)
            return (register, self.dice.randrange(1 << len(register)))
        if pick == 2:
            compare = self.dice.choice([expr.less, expr.greater_equal])
            return expr.logic_and(expr.lift(self.bit()), compare(expr.div(Duration.us(1), Duration.ns(300)), 3.25))
        return self.boolean()

    def angle(self):
        """A number, or what Qiskit computes of a parameter."""
        number = round(self.dice.uniform(-3, 3), 3)
        if self.parameters and self.dice.random() < 0.6:
            parameter = self.dice.choice(self.parameters)
            return self.dice.choice([parameter, -parameter, parameter * number, 2 * parameter + number, parameter**2, (parameter - 1).sin()])
        return number

    def gate(self):
        dice = self.dice
        name, turns, count = dice.choice(
            [("h", 0, 1), ("x", 0, 1), ("sx", 0, 1), ("t", 0, 1), ("rx", 1, 1), ("ry", 1, 1), ("ry", 1, 1), ("p", 1, 1), ("u", 3, 1)]
            + [("cx", 0, 2), ("cz", 0, 2), ("swap", 0, 2), ("cry", 1, 2), ("cp", 1, 2), ("rzz", 1, 2), ("ccx", 0, 3)]
        )
        if count > self.qubits:
            return
        operands = dice.sample(range(self.qubits), count)
        if dice.random() < 0.08 and self.qubits > 2:
            open_control = dice.choice([XGate, YGate])().control(2, ctrl_state=dice.randrange(4))
            self.circuit.append(open_control, dice.sample(range(self.qubits), 3))
        else:
            getattr(self.circuit, name)(*[self.angle() for _ in range(turns)], *operands)

    def block(self, depth, in_loop, count=3):
        """Some statements; variables declared in them end with them."""
        visible = list(self.leaves)
        if self.dice.random() < 0.15:
            self.variable()
        for _ in range(self.dice.randint(1, count)):
            self.step(depth + 1, in_loop)
        self.leaves = visible

    def step(self, depth, in_loop):
        pick = self.dice.randrange(20)
        if depth > 2 and pick >= 12:
            pick %= 12
        if self.plain and pick in (8, 9, 10, 16, 19):
            pick = 0
        steps = [self.gate] * 5 + [self.measure] * 2 + [self.reset, self.store, self.store, self.wait, lambda: self.leave(depth, in_loop)]
        if pick < 12:
            steps[pick]()
        else:
            blocks = [self.branch, self.branch, self.turns, self.turns, self.until, self.coin, self.cases, self.box]
            blocks[pick - 12](depth, in_loop)

    def measure(self):
        register = self.dice.choice(self.circuit.cregs)
        if len(register) <= self.qubits and self.dice.random() < 0.3:
            self.circuit.measure(self.dice.sample(range(self.qubits), len(register)), register)
        else:
            self.circuit.measure(self.dice.randrange(self.qubits), self.bit())

    def reset(self):
        self.circuit.reset(self.dice.randrange(self.qubits))

    def store(self):
        targets = [leaf for leaf in self.leaves if leaf not in self.inputs]
        target = self.dice.choice(targets)
        kind = target.type.kind
        if kind is types.Uint and isinstance(target.var, ClassicalRegister) or kind is types.Uint and self.dice.random() < 0.3:
            place = self.dice.randrange(target.type.width)
            self.circuit.store(expr.index(target, place), self.boolean())
        elif kind is types.Uint:
            self.circuit.store(target, expr.cast(self.expression(types.Uint, 2), target.type))
        elif kind is types.Bool:
            self.circuit.store(target, self.boolean())
        else:
            self.circuit.store(target, some(self.dice, [leaf for leaf in self.leaves if leaf.type.kind is not types.Uint], types.Float, 0))

    def wait(self):
        if self.dice.random() < 0.5:
            self.circuit.delay(self.duration(), self.dice.randrange(self.qubits))
        else:
            self.circuit.delay(*self.dice.choice([(100, None, "dt"), (1.5, None, "us"), (30, 0, "ns")]))
            self.circuit.barrier()

    def leave(self, depth, in_loop):
        if not in_loop:
            return self.gate()
        with self.circuit.if_test(self.condition()):
            self.gate()
            self.dice.choice([self.circuit.break_loop, self.circuit.continue_loop])()

    def branch(self, depth, in_loop):
        with self.circuit.if_test(self.condition()) as otherwise:
            self.block(depth, in_loop)
        pick = self.dice.randrange(3)
        if pick == 1:
            with otherwise:
                self.block(depth, in_loop)
        if pick == 2:
            with otherwise:
                with self.circuit.if_test(self.condition()) as last:
                    self.block(depth, in_loop)
                with last:
                    self.block(depth, in_loop)

    def turns(self, depth, in_loop):
        dice = self.dice
        first, last = dice.randint(-2, 2), dice.randint(-1, 3)
        indices = dice.choice([range(dice.randint(1, 4)), range(first, last + 2), range(-2, 4, 3), dice.sample(range(-3, 7), 3)])
        if dice.random() < 0.3:
            with self.circuit.for_loop(indices):
                self.block(depth, True)
            return
        parameter = Parameter(dice.choice(["t", "k"]))
        with self.circuit.for_loop(indices, parameter):
            before, self.parameters = self.parameters, [p for p in self.parameters if p.name != parameter.name] + [parameter]
            self.block(depth, True)
            self.circuit.ry(parameter * 0.5, dice.randrange(self.qubits))
            self.parameters = before

    def until(self, depth, in_loop):
        """A loop that a counter of its own ends."""
        self.locals += 1
        counter = self.circuit.add_var(f"turn{self.locals}", expr.Value(0, types.Uint(8)))
        ends = expr.less(counter, self.dice.randint(1, 3))
        if self.dice.random() < 0.5:
            ends = expr.logic_and(ends, self.boolean())
        with self.circuit.while_loop(ends):
            self.circuit.store(counter, expr.add(counter, 1))
            self.block(depth, True)

    def coin(self, depth, in_loop):
        """A loop that an outcome ends."""
        bit, qubit = self.bit(), self.dice.randrange(self.qubits)
        wanted = self.dice.randrange(2)
        with self.circuit.while_loop((bit, wanted)):
            self.block(depth, False, 1)
            self.circuit.reset(qubit)
            self.circuit.ry(1.7, qubit)
            self.circuit.measure(qubit, bit)

    def cases(self, depth, in_loop):
        dice, circuit = self.dice, self.circuit
        target = dice.choice([lambda: dice.choice(circuit.cregs), self.bit, lambda: self.expression(types.Uint, 1), self.boolean])()
        values = list(range(2 if isinstance(target, Clbit) else 4))
        if isinstance(target, expr.Expr):
            values = [False, True] if target.type.kind is types.Bool else list(range(1 << min(target.type.width, 3)))
        elif not isinstance(target, Clbit):
            values = list(range(1 << len(target)))
        dice.shuffle(values)
        with circuit.switch(target) as case:
            for _ in range(dice.randint(1, 3)):
                labels = [values.pop() for _ in range(dice.randint(1, 2)) if values]
                if labels:
                    with case(*labels):
                        self.block(depth, in_loop)
            if dice.random() < 0.6:
                with case(case.DEFAULT):
                    self.block(depth, in_loop)

    def box(self, depth, in_loop):
        length = {"duration": self.duration()} if self.dice.random() < 0.5 else {}
        with self.circuit.box(**length):
            self.block(depth, False)
            self.circuit.noop(self.dice.randrange(self.qubits))


def declared(program):
    """The classical registers of a text, in the order of their declaration."""
    return re.findall(r"^bit(?:\[\d+\])? (\w+);", program, re.MULTILINE)


def agrees_with_aer(circuit, exact, numbers):
    """Whether Aer's sample is near the exact distribution; None where Aer does not run the circuit, or where it has
    a cast to `bool`, which Aer 0.18.2 negates."""
    if "bool(" in qasm3.dumps(circuit):
        return None
    try:
        simulator = qiskit_aer.AerSimulator(method="statevector", fusion_enable=False)
        bound = circuit.assign_parameters(numbers) if numbers else circuit
        counts = simulator.run(bound, shots=SHOTS, seed_simulator=7).result().data()["counts"]
    except Exception:  # Aer refuses in many ways what it does not know.
        return None
    # Both in the order of the circuit's bits: single ones are declared before the registers.
    joined = collections.Counter({key.replace(" ", ""): weight for key, weight in exact.items()})
    seen = {f"{int(key, 16):0{len(circuit.clbits)}b}": count / SHOTS for key, count in counts.items()}
    distance = sum(abs(joined[key] - seen.get(key, 0)) for key in joined | seen) / 2
    return bool(distance < 0.01 + np.sqrt(len(joined) / SHOTS))


def case(seed):
    writer = Writer(seed)
    circuit = writer.circuit
    program = qasm3.dumps(circuit, allow_aliasing=False)
    numbers = {parameter: held for parameter, held in writer.numbers.items() if parameter in circuit.parameters}
    reference = Reference(circuit, writer.inputs, numbers)
    exact = reference.outcomes(declared(program))
    assert abs(sum(exact.values()) - 1) < 1e-9, "shots were lost"
    made = {"name": f"control_{seed:03}", "program": program, "exact": exact}
    parameters = {variable.name: held for variable, held in writer.inputs.items()}
    parameters |= {parameter.name: held for parameter, held in numbers.items()}
    if parameters:
        made["parameters"] = parameters
    return made, None if writer.inputs else agrees_with_aer(circuit, exact, numbers)


def main(count):
    cases, seed, checked = [], 0, 0
    while len(cases) < count:
        seed += 1
        try:
            made, agrees = case(seed)
        except (ZeroDivisionError, OverflowError):
            continue
        assert agrees is not False, f"Aer disagrees on {made['name']}:\n{made['program']}"
        checked += agrees is True
        cases.append(made)
    json.dump(cases, sys.stdout, indent=1)
    print()
    versions = f"qiskit {qiskit.__version__}, qiskit-aer {qiskit_aer.__version__}, numpy {np.__version__}"
    print(f"{versions}: {count} programs, {checked} of them compared with Aer", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]))
