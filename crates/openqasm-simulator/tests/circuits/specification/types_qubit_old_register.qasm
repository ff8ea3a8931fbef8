OPENQASM 3.0;
include "stdgates.inc";
qreg γ[2];
creg c[2];
x γ[1];
c = measure γ;
