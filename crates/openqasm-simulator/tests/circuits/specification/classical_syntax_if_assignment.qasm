OPENQASM 3.0;
include "stdgates.inc";
int a;
if (a += 1) { x $0; }
