OPENQASM 3.0;
bit[4] c = "0110";
int i = 1;
bit one = c[i];
c[i + 2] = one;
