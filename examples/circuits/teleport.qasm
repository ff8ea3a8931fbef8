// Teleportation: what is measured in the middle decides what is done next. The last qubit takes over the state of the
// first one, so that `out` is 1 in a quarter of the shots.
OPENQASM 3.0;
include "stdgates.inc";

qubit[3] q;
bit[2] sent;
bit out;

ry(pi / 3) q[0];

h q[1];
cx q[1], q[2];

cx q[0], q[1];
h q[0];
sent[0] = measure q[0];
sent[1] = measure q[1];

if (sent[1] == 1) {
  x q[2];
}
if (sent[0] == 1) {
  z q[2];
}
out = measure q[2];
