OPENQASM 3.0;
output a;
