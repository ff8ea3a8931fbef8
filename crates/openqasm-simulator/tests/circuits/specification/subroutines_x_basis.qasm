OPENQASM 3.0;
include "stdgates.inc";

def xmeasure(qubit q) -> bit { h q; return measure q; }
def pmeasure(angle[32] theta, qubit q) -> bit {
  rz(theta) q;
  h q;
  return measure q;
}
qubit[2] q;
h q;
rz(-pi / 2) q[1];
bit[2] c;
c[0] = xmeasure(q[0]);
c[1] = pmeasure(pi / 2, q[1]);
