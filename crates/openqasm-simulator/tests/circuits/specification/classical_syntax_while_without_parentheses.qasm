OPENQASM 3.0;
include "stdgates.inc";
while true { x $0; }
