OPENQASM 3.0;
include "stdgates.inc";
def f(qubit a, qubit[2] b) { }
qubit[3] q;
f(q[1], q[0:1]);
