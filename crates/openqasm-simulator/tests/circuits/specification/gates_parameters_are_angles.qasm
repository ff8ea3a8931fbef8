OPENQASM 3.0;
include "stdgates.inc";
gate turned(a, b) q { rz(-a) q; rx(b) q; rz(a) q; }
angle[8] exact = pi / 2;
qubit q;
turned(0, exact) q;
turned(0.0, pi / 2) q;
