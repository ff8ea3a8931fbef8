OPENQASM 3.0;
include "stdgates.inc";

stretch s;
bit[2] c;
x $0;
box [s] {
  cx $0, $1;
  nop $2;
  nop $3, $0;
  nop;
}
c[0] = measure $0;
c[1] = measure $1;
