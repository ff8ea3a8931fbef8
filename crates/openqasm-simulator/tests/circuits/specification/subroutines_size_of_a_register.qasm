OPENQASM 3.0;
bit[3] c;
int a = sizeof(c);
bit ok = a == 3;
