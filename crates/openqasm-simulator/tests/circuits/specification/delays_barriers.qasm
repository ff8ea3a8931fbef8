OPENQASM 3.0;
include "stdgates.inc";

qubit[2] r;
qubit[2] q;
qubit[2] a;
cx r[0], r[1];
h q[0];
h a[0];
barrier r, q[0];
h a[0];
cx r[1], r[0];
cx r[0], r[1];
h q[0];
bit[2] c = measure a;
bit[2] d = measure q;
