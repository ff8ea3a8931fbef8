OPENQASM 3.0;
include "stdgates.inc";
ctrl(2, 3) @ x $0, $1;
