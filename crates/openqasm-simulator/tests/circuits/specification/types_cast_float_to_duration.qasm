OPENQASM 3.0;
float f = 1.0;
duration x = duration(f);
