OPENQASM 3.0;
include "stdgates.inc";
pow @ x $0;
