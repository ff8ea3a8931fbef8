OPENQASM 3.1;
include "stdgates.inc";
def foo(qubit[8] q) -> int {
  int r = 0;
  bit k;
  for int i in [0 : 7] {
    k = measure q[i];
    r += k;
  }
  return r;
}
qubit[8] q;
x q[0:2];
int j = 15;
int i = foo(q);
switch (i) {
  case 1, 2, 5, 12 { }
  case 3 {
    switch (j) {
      case 10, 15, 20 {
        x q[7];
      }
    }
  }
}
bit[8] c = measure q;
