OPENQASM 3.0;
include "stdgates.inc";

qubit q;
bit result;
int i = 0;
int limit = 3;
while (i < limit) {
  reset q;
  x q;
  result = measure q;
  if (result) {
    i += 1;
  }
}
bit ok = i == 3;
