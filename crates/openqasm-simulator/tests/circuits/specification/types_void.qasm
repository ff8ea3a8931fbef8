OPENQASM 3.0;
void a;
