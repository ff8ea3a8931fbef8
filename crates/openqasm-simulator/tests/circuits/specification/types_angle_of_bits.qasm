OPENQASM 3.0;
float[32] a = 3.0;
angle[32] bits = angle[32](bit[32](uint[32](a)));
bit[32] low = bit[32](bits);
bit differ = bits != angle[32](a);
