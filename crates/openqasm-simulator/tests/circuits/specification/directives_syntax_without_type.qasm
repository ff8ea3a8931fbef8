OPENQASM 3.0;
input a;
