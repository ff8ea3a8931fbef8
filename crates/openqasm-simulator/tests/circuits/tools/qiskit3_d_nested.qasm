OPENQASM 3.0;
include "stdgates.inc";
bit[1] a;
bit[2] b;
int switch_dummy;
qubit[3] q;
for int _ in [0:2] {
  h q[0];
  a[0] = measure q[0];
  while (a == 1) {
    h q[0];
    a[0] = measure q[0];
    x q[1];
    switch_dummy = a;
    switch (switch_dummy) {
      case 1 {
        h q[2];
      }
      default {
        ry(1.0) q[2];
      }
    }
  }
}
b[0] = measure q[1];
b[1] = measure q[2];
