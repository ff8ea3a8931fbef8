OPENQASM 3.0;
angle[0] a;
