OPENQASM 3.0;
duration d = 1ns;
float x = float(d);
