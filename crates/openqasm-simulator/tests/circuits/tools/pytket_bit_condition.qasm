OPENQASM 2.0;
include "hqslib1.inc";

qreg q[2];
creg c[2];
h q[0];
measure q[0] -> c[0];
if(c[0]==1) x q[1];
measure q[1] -> c[1];
