OPENQASM 3.0;
include "stdgates.inc";
if true x $0;
