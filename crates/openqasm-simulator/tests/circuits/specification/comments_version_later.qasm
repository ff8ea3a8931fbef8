bit c;
OPENQASM 3.0;
