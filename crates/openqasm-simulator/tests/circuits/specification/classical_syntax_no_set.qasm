OPENQASM 3.0;
include "stdgates.inc";
for int a { x $0; }
