OPENQASM 3.0;
include "stdgates.inc";

duration ddt = 10ns;
stretch str1;
qubit[2] q;
rx(2*π/12) q[0];
box {
  delay[ddt] q[0];
  x q[0];
  delay[ddt] q[0];
  x q[0];
  delay[ddt] q[0];
}
rx(10*π/12) q[0];
box [150ns] {
  delay[str1] q[1];
  cx q[0], q[1];
  int own = 1;
}
int own = 2;
bit[2] c = measure q;
