OPENQASM 3.0;
include "stdgates.inc";
bit[1] a;
bit[2] b;
int switch_dummy;
qubit[3] q;
uint[2] v;
uint[8] w;
bool flag;
h q[0];
h q[1];
b[0] = measure q[0];
b[1] = measure q[1];
v = b & 1;
w = 5;
flag = false;
flag = v == 1;
if (flag) {
  x q[2];
  w = w ^ 3;
}
switch_dummy = w;
switch (switch_dummy) {
  case 5 {
    h q[2];
  }
  case 6 {
    ry(0.2) q[2];
  }
}
a[0] = measure q[2];
