// Four qubits, turned by an angle where the mask has a 1: both are given when the circuit is submitted.
OPENQASM 3.0;
include "stdgates.inc";

input float theta;
input bit[4] mask;

qubit[4] q;
bit[4] c;

for int i in [0:3] {
  if (mask[i] == 1) {
    ry(theta) q[i];
  }
}
c = measure q;
