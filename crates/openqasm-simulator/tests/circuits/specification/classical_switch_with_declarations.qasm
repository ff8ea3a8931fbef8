OPENQASM 3.1;
include "stdgates.inc";
def foo(int i, qubit[8] d) -> bit {
  return measure d[i];
}
int i = 1;
int j = 1;
int k = 2;
bit c1;
qubit[8] q0;
x q0[2];
switch (i) {
  case 1 {
    j = k + foo(k, q0);
  }
  case 2 {
    float[64] d = j / k;
  }
  case 3 {
  }
  default {
  }
}
c1 = j == 3;
