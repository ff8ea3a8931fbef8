OPENQASM 3.0;
include "stdgates.inc";

def xcheck(qubit[4] d, qubit a) -> bit {
  reset a;
  for int i in [0: 3] cx d[i], a;
  return measure a;
}
qubit[4] d;
qubit a;
x d[0:2];
x a;
bit c = xcheck(d, a);
