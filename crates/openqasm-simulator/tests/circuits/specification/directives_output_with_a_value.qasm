OPENQASM 3.0;
output int[8] a = 32;
bit c = a == 32;
