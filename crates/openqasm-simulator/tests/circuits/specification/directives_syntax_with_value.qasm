OPENQASM 3.0;
input int[8] a = 32;
