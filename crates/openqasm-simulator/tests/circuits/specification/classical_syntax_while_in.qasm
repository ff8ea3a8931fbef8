OPENQASM 3.0;
include "stdgates.inc";
while x in {1, 2, 3} { x $0; }
