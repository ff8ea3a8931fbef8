OPENQASM 3.0;
include "stdgates.inc";
gphase(pi) @ ctrl @ x $0, $1;
