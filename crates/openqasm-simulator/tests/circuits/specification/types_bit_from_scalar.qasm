OPENQASM 3.0;
bit[4] r;
bool t = true;
r[2] = t;
r[0] = 1;
bit[4] low = bit[4](t);
