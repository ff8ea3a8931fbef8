OPENQASM 3.0;
include "stdgates.inc";
bit[1] a;
bit[2] b;
qubit[3] q;
for int _ in [0:2:5] {
  rx(0.3) q[0];
  cx q[0], q[1];
}
for int _ in {0, 3, 5} {
  h q[2];
}
b[0] = measure q[0];
b[1] = measure q[1];
a[0] = measure q[2];
