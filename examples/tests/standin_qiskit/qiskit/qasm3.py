from types import SimpleNamespace

from . import QiskitError


class Register(list):
    def __init__(self, name, bits):
        super().__init__(bits)
        self.name = name


class Circuit:
    def __init__(self, kind, size):
        self.kind, self.num_qubits = kind, size
        self.clbits = [] if kind == "unmeasured" else [f"b{place}" for place in range(size)]
        held = self.clbits[1:] if kind == "loose" else self.clbits
        self.cregs = [Register("c", held)] if held else []
        measure = SimpleNamespace(operation=SimpleNamespace(name="measure"))
        self.data = [measure] if self.clbits else []

    def measure_all(self):
        self.clbits = [f"b{place}" for place in range(self.num_qubits)]
        self.cregs = [Register("meas", self.clbits)]


def loads(source):
    kind, size = source.split()
    if kind == "mistaken":
        raise QiskitError("1,0: no such gate")
    return Circuit(kind, int(size))
