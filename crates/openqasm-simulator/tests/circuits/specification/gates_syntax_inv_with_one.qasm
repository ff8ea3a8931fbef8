OPENQASM 3.0;
include "stdgates.inc";
inv(1) @ ctrl @ x $0, $1;
