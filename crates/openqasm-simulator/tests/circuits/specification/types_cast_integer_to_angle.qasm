OPENQASM 3.0;
int[8] i = 1;
angle[8] x = angle[8](i);
