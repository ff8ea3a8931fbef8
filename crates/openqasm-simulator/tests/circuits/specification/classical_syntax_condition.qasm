OPENQASM 3.0;
include "stdgates.inc";
for (true) { x $0; }
