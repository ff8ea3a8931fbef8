OPENQASM 3.0;
const int a = 1;
  a = 2;
