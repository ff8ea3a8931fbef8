OPENQASM 3.0;
include "stdgates.inc";
bit[1] a;
bit[2] b;
qubit[3] q;
uint[8] i;
float[64] f;
h q[0];
h q[1];
b[0] = measure q[0];
b[1] = measure q[1];
i = 3;
i = i + uint[8](b);
i = i * 2;
i = i - 1;
f = 1.5;
f = f / 2.0;
if (i < 8) {
  ry(0.5) q[2];
}
if (f > 0.5) {
  x q[2];
}
a[0] = measure q[2];
