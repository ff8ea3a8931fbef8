OPENQASM 3.0;
angle[8] ang = 3 * pi / 2;
bit ok = 2 * ang == pi;
