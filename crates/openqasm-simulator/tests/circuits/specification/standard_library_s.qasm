OPENQASM 3.0;
include "stdgates.inc";
gate own a { ctrl @ gphase(π/2) a; }
qubit[2] q;
U(0.3, 0.7, 0.1) q[0];
U(0.8, 0.8999999999999999, 0.1) q[1];
ctrl @ s q[0], q[1];
inv @ ctrl @ own q[0], q[1];
inv @ U(0.3, 0.7, 0.1) q[0];
inv @ U(0.8, 0.8999999999999999, 0.1) q[1];
