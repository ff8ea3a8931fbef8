OPENQASM 3.0;
gate x a { U(0, 0, 0) a; }
gate h a { x a; }
qubit q;
h q;
x q;
bit c = measure q;
