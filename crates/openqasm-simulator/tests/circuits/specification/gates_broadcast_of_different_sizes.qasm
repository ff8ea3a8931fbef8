OPENQASM 3.0;
include "stdgates.inc";

gate g4 a, b, c, d { ctrl(3) @ x a, b, c, d; }
qubit[1] qr0;
qubit[3] qr1;
qubit[2] qr2;
qubit[3] qr3;
g4 qr0[0], qr2, qr1[0], qr3;
