OPENQASM 3.0;
gate g1 a { U(pi, 0, pi) a; }
gate g2 a, b { ctrl @ U(pi, 0, pi) a, b; }
gate g3 a, b, c { ctrl(2) @ U(pi, 0, pi) a, b, c; }
qubit q1;
qubit q2;
qubit q3;
gphase(pi / 3);
g1 q1;
g2 q1, q2;
g3 q1, q2, q3;
bit[3] c;
c[0] = measure q1;
c[1] = measure q2;
c[2] = measure q3;
