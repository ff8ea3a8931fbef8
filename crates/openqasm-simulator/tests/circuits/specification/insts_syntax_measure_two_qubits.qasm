OPENQASM 3.0;
include "stdgates.inc";
measure $0, $1;
