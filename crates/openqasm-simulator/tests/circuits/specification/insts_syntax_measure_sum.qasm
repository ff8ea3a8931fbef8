OPENQASM 3.0;
include "stdgates.inc";
bit a;
a = (measure $0) + (measure $1);
