OPENQASM 3.0;
int[0] a;
uint[0] b;
