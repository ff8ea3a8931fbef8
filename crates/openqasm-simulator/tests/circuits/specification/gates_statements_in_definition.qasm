OPENQASM 3.0;
int n = 2;
gate g a { bit c; }
gate f a { U(n, 0, 0) a; }
gate m a { measure a; }
gate r a { reset a; }
