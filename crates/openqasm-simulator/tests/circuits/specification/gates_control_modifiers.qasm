OPENQASM 3.0;
include "stdgates.inc";

gate own_crz(θ) q1, q2 { ctrl @ rz(θ) q1, q2; }
gate neg_cx q1, q2 { negctrl @ x q1, q2; }
qubit[2] q;
h q[1];
x q[0];
own_crz(pi) q[0], q[1];
h q[1];
neg_cx q[0], q[1];
bit[2] c = measure q;
