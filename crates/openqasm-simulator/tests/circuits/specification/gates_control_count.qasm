OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
int n = 1;
ctrl(n) @ x q[0], q[1];
ctrl(0) @ x q[0];
ctrl(-1) @ x q[0];
