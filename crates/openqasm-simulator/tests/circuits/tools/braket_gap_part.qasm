OPENQASM 3.0;
bit[2] b;
qubit[8] q;
ry(0.7) q[3];
cnot q[3], q[7];
h q[5];
ccnot q[3], q[5], q[7];
b[0] = measure q[7];
b[1] = measure q[3];
