OPENQASM 3.0;
include "stdgates.inc";
for in {1, 2, 3} { x $0; }
