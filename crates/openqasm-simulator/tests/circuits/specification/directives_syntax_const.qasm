OPENQASM 3.0;
input const a = 8;
