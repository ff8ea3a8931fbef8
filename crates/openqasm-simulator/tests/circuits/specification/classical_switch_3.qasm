OPENQASM 3.1;
int i = 3;
int found;
switch (i) {
  case 1, 3, 5 {
    found = 1;
  }
  case 2, 4, 6 {
    found = 2;
  }
  case -1 {
    found = 3;
  }
  default {
    found = 0;
  }
}
bit ok = found == 1;
