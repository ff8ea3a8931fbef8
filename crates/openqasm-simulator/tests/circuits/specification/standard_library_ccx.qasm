OPENQASM 3.0;
include "stdgates.inc";
gate own a, b, c { ctrl(2) @ U(π, 0, π) a, b, c; ctrl(2) @ gphase(-π/2) a, b; }
qubit[4] q;
U(0.3, 0.7, 0.1) q[0];
U(0.8, 0.8999999999999999, 0.1) q[1];
U(1.3, 1.1, 0.1) q[2];
U(1.8, 1.3, 0.1) q[3];
ctrl @ ccx q[0], q[1], q[2], q[3];
inv @ ctrl @ own q[0], q[1], q[2], q[3];
inv @ U(0.3, 0.7, 0.1) q[0];
inv @ U(0.8, 0.8999999999999999, 0.1) q[1];
inv @ U(1.3, 1.1, 0.1) q[2];
inv @ U(1.8, 1.3, 0.1) q[3];
