OPENQASM 3.0;
gate g a { }
gate f() a { g a; }
qubit q;
U(pi, 0, pi) q;
f() q;
bit c = measure q;
