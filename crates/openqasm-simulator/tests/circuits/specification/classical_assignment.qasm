OPENQASM 3.0;
int[32] a;
int[32] b = 10;
a = b;
b = 0;
bit[2] ok;
ok[0] = !(a == b);
ok[1] = a == 10;
a == b;
