OPENQASM 3.0;
const complex[float[64]] c1 = 1.0 + 2.0im;
const complex[float[64]] c2 = mod(c1, 2);
