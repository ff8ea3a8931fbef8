OPENQASM 3.0;
include "stdgates.inc";

input array[angle[32], 2] params;
qubit q;
rx(params[0]) q;
ry(params[1]) q;
bit c = measure q;
