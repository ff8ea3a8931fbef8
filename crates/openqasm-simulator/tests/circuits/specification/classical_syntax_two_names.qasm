OPENQASM 3.0;
include "stdgates.inc";
for int a1, a2 in {1, 2, 3} { x $0; }
