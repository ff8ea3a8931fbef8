OPENQASM 3.0;
include "stdgates.inc";
bit[1] a;
bit[2] b;
qubit[3] q;
for int _ in [0:3] {
  h q[0];
  a[0] = measure q[0];
  if (a == 1) {
    break;
  }
  x q[1];
}
for int _ in [0:3] {
  h q[0];
  a[0] = measure q[0];
  if (a == 1) {
    continue;
  }
  x q[2];
}
b[0] = measure q[1];
b[1] = measure q[2];
