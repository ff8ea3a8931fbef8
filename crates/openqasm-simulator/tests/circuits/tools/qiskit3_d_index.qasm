OPENQASM 3.0;
include "stdgates.inc";
bit[1] a;
bit[2] b;
qubit[3] q;
h q[0];
h q[1];
b[0] = measure q[0];
b[1] = measure q[1];
if (b[1]) {
  x q[2];
}
if (bool(b)) {
  h q[2];
}
a[0] = measure q[2];
