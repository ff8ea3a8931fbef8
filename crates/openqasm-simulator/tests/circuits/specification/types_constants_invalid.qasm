OPENQASM 3.0;
const float[32] f2 = 4.0;
float[64] runtime_f1 = 2.0;
const int[64] i2 = f2;
const float[64] f3 = runtime_f1;
