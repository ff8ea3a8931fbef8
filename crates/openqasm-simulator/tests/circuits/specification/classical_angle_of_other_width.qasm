OPENQASM 3.0;
angle[20] a = pi / 2;
angle[20] b = pi;
angle[10] c;
c = angle[10](a + b);
bit[10] bits = bit[10](c);
angle[20] back = c;
bit ok = back == 3 * pi / 2;
