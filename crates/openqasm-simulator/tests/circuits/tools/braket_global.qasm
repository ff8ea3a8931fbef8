OPENQASM 3.0;
bit[1] b;
qubit[1] q;
gphase(0.4);
h q[0];
ry(0.3) q[0];
phaseshift(-1.1) q[0];
h q[0];
b[0] = measure q[0];
