OPENQASM 3.0;
int a = 3__4;
