OPENQASM 3.0;
include "stdgates.inc";
qubit[2] a;
qubit[2] t;
x a[1];
ctrl @ x a, t;
bit[2] c = measure t;
