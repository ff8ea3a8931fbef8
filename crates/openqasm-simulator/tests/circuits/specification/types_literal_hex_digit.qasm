OPENQASM 3.0;
int a = 0x12g;
