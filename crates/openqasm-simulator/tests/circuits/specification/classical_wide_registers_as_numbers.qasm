OPENQASM 3.0;
bit[150] a;
int k = 1;
bit[100] c;
a = a << k;
a = a & k;
c = a;
int n = popcount(a ++ a[0:1]);
