OPENQASM 3.0;
int a = 0o789;
