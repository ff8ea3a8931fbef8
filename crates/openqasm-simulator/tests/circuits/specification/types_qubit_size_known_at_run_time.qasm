OPENQASM 3.0;
uint runtime_size = 32;
qubit[runtime_size] q2;
int[runtime_size] i2;
