OPENQASM 3.0;
include "stdgates.inc";
bit[2] a;
a[0:1] = measure $0, $1;
