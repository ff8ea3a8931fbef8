OPENQASM 3.0;
include "stdgates.inc";
qubit[3] a;
qubit[2] b;
qubit f;
negctrl(3) @ ctrl @ x a[0], b[1], a[2], f;
