OPENQASM 3.0;
include "stdgates.inc";
bit[1] a;
bit[2] b;
int switch_dummy;
qubit[3] q;
h q[0];
h q[1];
b[0] = measure q[0];
b[1] = measure q[1];
switch_dummy = b;
switch (switch_dummy) {
  case 0: {
    x q[2];
  }
  break;
  case 1:
  case 2: {
    h q[2];
  }
  break;
  default: {
    ry(0.4) q[2];
  }
  break;
}
a[0] = measure q[2];
