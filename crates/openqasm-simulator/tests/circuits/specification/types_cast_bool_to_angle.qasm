OPENQASM 3.0;
angle[8] x = angle[8](true);
