OPENQASM 3.0;
angle[8] a;
int[8] x = int[8](a);
