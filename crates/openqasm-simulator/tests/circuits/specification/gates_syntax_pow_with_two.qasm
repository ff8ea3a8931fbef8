OPENQASM 3.0;
include "stdgates.inc";
pow(2, 3) @ x $0;
