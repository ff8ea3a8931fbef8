OPENQASM 3.0;
int q = 3;
gate g(theta) q { U(theta, 0, pi) q; }
bit ok = q == 3;
