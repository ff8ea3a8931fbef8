OPENQASM 2.0;
include "hqslib1.inc";

qreg q[3];
creg c[3];
rx(0.2*pi) q[0];
rx(0.37*pi) q[1];
rx(0.54*pi) q[2];
cx q[2],q[0];
rz(1.127*pi) q[1];
measure q[0] -> c[0];
measure q[1] -> c[1];
rx(1.166*pi) q[2];
measure q[2] -> c[2];
