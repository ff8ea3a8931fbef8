OPENQASM 2.0;
include "hqslib1.inc";

qreg q[3];
creg c[3];
rx(0.2*pi) q[0];
rx(0.37*pi) q[1];
rx(0.54*pi) q[2];
RZZ(0.716*pi) q[2],q[0];
h q[1];
measure q[0] -> c[0];
rx(0.165*pi) q[1];
x q[2];
measure q[1] -> c[1];
rz(1.347*pi) q[2];
measure q[2] -> c[2];
