OPENQASM 2.0;
include "hqslib1.inc";

qreg q[3];
creg c[3];
rx(0.2*pi) q[0];
rx(0.37*pi) q[1];
rx(0.54*pi) q[2];
rz(1.348*pi) q[0];
rz(1.199*pi) q[1];
rz(1.251*pi) q[2];
rx(0.823*pi) q[0];
rz(1.111*pi) q[1];
x q[2];
measure q[0] -> c[0];
measure q[1] -> c[1];
h q[2];
measure q[2] -> c[2];
