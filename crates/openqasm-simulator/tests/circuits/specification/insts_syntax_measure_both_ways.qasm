OPENQASM 3.0;
include "stdgates.inc";
bit a;
bit b;
a = measure $0 -> b;
