OPENQASM 3.0;
angle[20] a = pi / 2;
angle[20] b = pi;
float c = a ** b;
bit ok = abs(c - 4.1316) < 0.0002;
