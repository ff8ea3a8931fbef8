OPENQASM 3.0;
int a = 0b_1;
