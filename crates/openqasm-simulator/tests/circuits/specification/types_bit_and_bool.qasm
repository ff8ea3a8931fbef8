OPENQASM 3.0;
bit a = 1;
bit b = true;
bit c;
bool d = a;
bit[1] e = "1";
bit f = "0" == e;
c = d;
if (c) { f = d; }
