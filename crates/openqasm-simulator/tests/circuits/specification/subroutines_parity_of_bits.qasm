OPENQASM 3.0;
include "stdgates.inc";

const int n = 2;
def parity(bit[n] cin) -> bit {
  bit c;
  for int i in [0: n - 1] {
    c ^= cin[i];
  }
  return c;
}
qubit q;
qubit r;
x q;
bit c = measure q;
bit c2 = measure r;
bit result;
result = parity(c ++ c2);
