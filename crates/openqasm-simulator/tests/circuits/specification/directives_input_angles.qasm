OPENQASM 3.0;
include "stdgates.inc";

input angle[32] param1;
input angle[32] param2;
qubit q;
rx(param1) q;
ry(param2) q;
bit c = measure q;
