OPENQASM 3.0;
include "stdgates.inc";
if (int[8] a = 1) { x $0; }
