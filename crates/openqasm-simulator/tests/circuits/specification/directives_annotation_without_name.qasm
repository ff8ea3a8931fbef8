OPENQASM 3.0;
@ bind
bit c;
