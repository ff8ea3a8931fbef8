OPENQASM 3.0;
include "stdgates.inc";

gate rzp(θ) q { gphase(θ / 5); h q; rz(θ) q; s q; }
gate rzm(θ) q { inv @ rzp(θ) q; }
qubit[2] q;
h q;
ctrl @ rzp(0.7) q[0], q[1];
ctrl @ rzm(0.7) q[0], q[1];
U(0.1, 0.2, 0.3) q[1];
U(-0.1, -0.3, -0.2) q[1];
inv @ ctrl @ sx q[0], q[1];
ctrl @ inv @ sx q[0], q[1];
cx q[0], q[1];
ctrl @ gphase(0.4) q[0];
inv @ ctrl @ gphase(0.4) q[0];
