OPENQASM 3.0;
include "stdgates.inc";

qubit[3] a;
qubit[2] b;
qubit f;
reset f;
x a[1]; x a[0]; x a[2];
ctrl(3) @ x a[1], a[0], a[2], f;
bit first = measure f;
x a; x b[0];
negctrl(2) @ ctrl @ x a[0], a[1], b[0], f;
bit second = measure f;
negctrl @ ctrl(2) @ negctrl @ x a[0], b[0], b[1], a[1], f;
bit third = measure f;
x b[1];
negctrl @ ctrl(2) @ negctrl @ x a[0], b[0], b[1], a[1], f;
bit fourth = measure f;
