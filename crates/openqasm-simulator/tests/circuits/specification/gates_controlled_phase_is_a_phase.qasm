OPENQASM 3.0;
include "stdgates.inc";
qubit q;
h q;
ctrl @ gphase(pi / 3) q;
U(0, 0, -pi / 3) q;
