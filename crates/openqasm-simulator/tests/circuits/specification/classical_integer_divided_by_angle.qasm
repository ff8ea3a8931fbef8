OPENQASM 3.0;
uint[4] two = 2;
angle[4] a = pi;
angle[4] b = two / a;
