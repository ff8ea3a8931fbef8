OPENQASM 3.0;
include "stdgates.inc";
bit own;
nop own;
