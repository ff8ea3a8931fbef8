OPENQASM 3.0;
gate f a { g a; }
gate g a { U(0, 0, 0) a; }
