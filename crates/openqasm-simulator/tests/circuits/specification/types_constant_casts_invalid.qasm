OPENQASM 3.0;
const float[64] f1 = 2.5;
uint[8] runtime_u = 7;
const bit[2] b1 = bit[2](f1);
const int[16] i2 = int[16](runtime_u);
