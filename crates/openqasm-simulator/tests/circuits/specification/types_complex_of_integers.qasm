OPENQASM 3.0;
complex[int[32]] c;
