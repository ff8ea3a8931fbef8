OPENQASM 3.0;
qubit[5] all_qubits;
int b = 2;
def first() -> int { return b; }
def second() { reset all_qubits; }
def third() { int in_body = 5; }
int e = in_body;
gate g q { U(b, 0, 0) q; }
def early() { later(); }
def later() { }
