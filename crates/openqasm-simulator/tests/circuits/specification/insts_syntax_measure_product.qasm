OPENQASM 3.0;
include "stdgates.inc";
bit a;
a = 2 * measure $0;
