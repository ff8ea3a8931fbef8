OPENQASM 3.0;
angle[8] a = pi / 2;
bit ok = float(a) == pi / 2;
