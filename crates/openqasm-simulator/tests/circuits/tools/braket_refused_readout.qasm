OPENQASM 3.0;
bit[1] b;
qubit[1] q;
h q[0];
#pragma braket noise depolarizing(0.05) q[0]
b[0] = measure q[0];
