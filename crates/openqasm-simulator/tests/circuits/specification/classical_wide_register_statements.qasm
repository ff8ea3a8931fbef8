OPENQASM 3.0;
bit[200] a;
a << 1;
a | a;
int n = 0;
a[199] = 1;
while (a & ~(a << 1)) { a >>= 50; n += 1; }
bit ok = n == 4 && a == 0;
