#!/usr/bin/env python3
"""Runs circuits on Qiskit Aer, for `qtask work --command`.

    qtask work --command 'aer=/opt/aer/bin/python /opt/qtask/examples/aer.py'

OpenQASM 2 and 3 as Qiskit imports them, shots, `seed` and `memory`; the counts have the form that the
built-in simulator gives them (docs/circuits.md).

Tried with Python 3.11, qiskit 2.6.2, qiskit-aer 0.18.2, qiskit-qasm3-import 0.6.0 (openqasm3 1.0.1).
"""

import re
import secrets
import sys

import qtask_command
from qtask_command import Failure

PACKAGES = "pip install qiskit qiskit-aer qiskit-qasm3-import"


def main():
    """Runs the one task on stdin."""
    try:
        task = qtask_command.start()
        qtask_command.result(*run(task))
    except Failure as failure:
        qtask_command.fail(failure)


def run(task):
    """The counts of a task's circuit, and how they came about."""
    if task.get("kind") != "circuit":
        raise Failure("unsupported_task", "this program runs circuits only")
    source, shots = task.get("circuit"), task.get("shots")
    if not isinstance(source, str) or not isinstance(shots, int) or shots < 1:
        raise Failure("invalid_task", "the task needs a circuit and a number of shots")
    options = task.get("parameters") or {}
    seed = options.get("seed")
    # Aer's seeds are signed: of a larger one the lower 63 bits count.
    seed = secrets.randbits(32) if seed is None else seed & (2**63 - 1)
    circuit = load(source)
    if not has_measurement(circuit):
        circuit.measure_all()
    outcome, version = simulate(circuit, shots, seed, bool(options.get("memory")))
    return answer(circuit, outcome, seed, version)


def load(source):
    """The circuit that a text of either version describes."""
    refuse_files(source)
    try:
        from qiskit import QiskitError, qasm2, qasm3
    except ImportError as error:
        raise missing(error) from None
    try:
        if is_version_2(source):
            gates = qasm2.LEGACY_CUSTOM_INSTRUCTIONS
            return qasm2.loads(source, include_path=(), custom_instructions=gates)
        refuse_unsorted_parameters(source)
        return qasm3.loads(source)
    except Failure:
        raise
    except QiskitError as error:
        raise Failure("invalid_circuit", error.message) from None
    except Exception as error:
        # The parser of version 3 lets exceptions of its own and of ANTLR through, some without a text.
        say = f"Qiskit cannot read this circuit: {error or type(error).__name__}"
        raise Failure("invalid_circuit", say) from None


def missing(error):
    """A package that this worker lacks: another one may have it."""
    return Failure("missing_package", f"{error}; on the worker, run: {PACKAGES}", retry=True)


def without_comments(source):
    """The text with each comment replaced by a space."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", source, flags=re.DOTALL)


def is_version_2(source):
    """Whether the text says that it is OpenQASM 2; without a header it is 3."""
    return re.match(r"\s*OPENQASM\s+2\b", without_comments(source)) is not None


def refuse_files(source):
    """A circuit comes from anybody, so it may not name files of the worker's machine."""
    for name in re.findall(r"\binclude\s*[\"']([^\"']*)", without_comments(source)):
        if name not in ("qelib1.inc", "stdgates.inc"):
            raise Failure("invalid_circuit", f'include "{name}": only the standard gates can be included')


def refuse_unsorted_parameters(source):
    """qiskit-qasm3-import 0.6.0 hands a gate its arguments in the order of its parameters' names, which
    gives wrong counts without a word where they are declared in another order."""
    for name, listed in re.findall(r"\bgate\s+(\w+)\s*\(([^)]*)\)", without_comments(source)):
        parameters = [each.strip() for each in listed.split(",")]
        if parameters != sorted(parameters):
            say = f"gate {name}: declare its parameters in alphabetical order; Qiskit's importer needs it"
            raise Failure("invalid_circuit", say)


def has_measurement(circuit):
    """Whether anything is measured, in the blocks of ifs and loops as well."""
    for instruction in circuit.data:
        operation = instruction.operation
        if operation.name == "measure":
            return True
        if any(has_measurement(block) for block in getattr(operation, "blocks", ())):
            return True
    return False


def simulate(circuit, shots, seed, memory):
    """Aer's result for the one circuit, and Aer's version."""
    try:
        import qiskit_aer
        from qiskit import transpile
        from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
        from qiskit.circuit.library import get_standard_gate_name_mapping
    except ImportError as error:
        raise missing(error) from None
    simulator = qiskit_aer.AerSimulator()
    # Without Aer's own limit of qubits, which is that of a statevector: a wider circuit may well be
    # one that another method can run, and declared qubits that no gate touches cost nothing.
    gates = set(get_standard_gate_name_mapping()) & set(simulator.operation_names)
    gates = sorted(gates | CONTROL_FLOW_OP_NAMES | {"measure", "reset", "delay"})
    try:
        circuit = transpile(circuit, basis_gates=gates, optimization_level=0)
        outcome = simulator.run(circuit, shots=shots, seed_simulator=seed, memory=memory).result()
    except Exception as error:
        raise Failure("execution_error", f"{type(error).__name__}: {error}") from None
    if not outcome.success:
        status = f"{outcome.status}; {outcome.results[0].status}" if outcome.results else outcome.status
        code = "resource_limit" if "memory" in status.lower() else "execution_error"
        raise Failure(code, status)
    return outcome.results[0], qiskit_aer.__version__


def answer(circuit, outcome, seed, version):
    """Counts and execution in the service's words."""
    registers = classical_registers(circuit)
    counts = {}
    for word, number in outcome.data.counts.items():
        key = as_key(word, registers)
        counts[key] = counts.get(key, 0) + number
    execution = {
        "method": outcome.metadata.get("method"),
        "seed": seed,
        "qubits": circuit.num_qubits,
        "registers": [{"name": name, "size": len(bits)} for name, bits in registers],
        "simulator": f"aer {version}",
    }
    if hasattr(outcome.data, "memory"):
        execution["memory"] = {name: shots(outcome.data.memory, bits) for name, bits in registers}
    return counts, execution


def classical_registers(circuit):
    """The registers in the order of declaration, each a name with the places of its bits.

    A scalar `bit o;` is imported as a bit without a register, which Aer's own keys leave out.
    """
    places = {bit: place for place, bit in enumerate(circuit.clbits)}
    registers = [(each.name, [places[bit] for bit in each]) for each in circuit.cregs]
    held = {place for _, bits in registers for place in bits}
    registers += [(f"bit{place}", [place]) for place in places.values() if place not in held]
    return sorted(registers, key=lambda register: register[1])


def shots(words, places):
    """What each shot left in one register, bit 0 lowest."""
    outcomes = (int(word, 16) for word in words)
    values = (sum((value >> place & 1) << bit for bit, place in enumerate(places)) for value in outcomes)
    return {"num_bits": len(places), "samples": [hex(value) for value in values]}


def as_key(word, registers):
    """One outcome, a hexadecimal number, with the register declared last leftmost and bit 0 rightmost."""
    value = int(word, 16)
    texts = ["".join(str(value >> place & 1) for place in reversed(bits)) for _, bits in registers]
    return " ".join(reversed(texts))


if __name__ == "__main__":
    sys.exit(main())
