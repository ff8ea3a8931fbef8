OPENQASM 3.0;
duration d = 1ns;
bool x = bool(d);
