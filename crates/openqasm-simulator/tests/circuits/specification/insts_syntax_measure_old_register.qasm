OPENQASM 3.0;
include "stdgates.inc";
creg a[1] = measure $0;
