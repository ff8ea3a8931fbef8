OPENQASM 3.0;
angle[8] a;
uint[8] x = uint[8](a);
