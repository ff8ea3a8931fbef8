OPENQASM 3.0;
include "stdgates.inc";
gate own(θ) a, b { ctrl @ U(θ, 0, 0) a, b; ctrl @ gphase(-θ/2) a; }
qubit[3] q;
U(0.3, 0.7, 0.1) q[0];
U(0.8, 0.8999999999999999, 0.1) q[1];
U(1.3, 1.1, 0.1) q[2];
ctrl @ cry(0.7) q[0], q[1], q[2];
inv @ ctrl @ own(0.7) q[0], q[1], q[2];
inv @ U(0.3, 0.7, 0.1) q[0];
inv @ U(0.8, 0.8999999999999999, 0.1) q[1];
inv @ U(1.3, 1.1, 0.1) q[2];
