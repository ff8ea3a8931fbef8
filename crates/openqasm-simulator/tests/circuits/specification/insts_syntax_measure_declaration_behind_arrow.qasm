OPENQASM 3.0;
include "stdgates.inc";
measure $0 -> bit[1] a;
