"""Stands in for Qiskit: the calls that examples/aer.py makes. A circuit's text is a kind and a number of
bits, such as "measured 3"."""


class QiskitError(Exception):
    def __init__(self, message):
        super().__init__(repr(message))
        self.message = message


def transpile(circuit, basis_gates, optimization_level):
    if "h" not in basis_gates or "measure" not in basis_gates:
        raise ValueError("no gates to transpile to")
    return circuit
