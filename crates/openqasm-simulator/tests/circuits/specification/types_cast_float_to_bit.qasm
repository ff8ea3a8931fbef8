OPENQASM 3.0;
float f = 1.0;
bit[8] x = bit[8](f);
