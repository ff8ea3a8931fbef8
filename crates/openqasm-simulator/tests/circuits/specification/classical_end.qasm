OPENQASM 3.0;
include "stdgates.inc";
qubit q;
bit c;
for int i in [0:3] { if (i == 1) { end; } x q; c = measure q; }
c = 0;
