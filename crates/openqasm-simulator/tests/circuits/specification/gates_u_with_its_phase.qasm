OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
h q[0];
ry(0.8) q[1];
ctrl @ U(0.3, 0.5, 0.7) q[0], q[1];
