OPENQASM 3.0;
gate own a { own a; }
