OPENQASM 3.1;
const int A = 0;
const int B = 1;
int i = 2;
int found;
switch (i) {
  case A { found = 1; }
  case B { found = 2; }
  case B+1 { found = 3; }
  default { found = 4; }
}
bit ok = found == 3;
