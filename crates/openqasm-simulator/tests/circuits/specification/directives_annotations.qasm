OPENQASM 3.0;
include "stdgates.inc";

@bind IOPORT[3:2]
bit[2] control_flags = "10";
@openqasm.reversible
gate multiply a, b, x { ccx a, b, x; }
qubit[4] q;
@openqasm.noswap
box {
  rx(pi) q[0];
  cnot q[0], q[3];
}
@openqasm.crosstalk
@openqasm.noise profile "gate_noise.qnf"
multiply q[0], q[3], q[1];
@first x q[2]; an annotation continues to the end of the line
x q[3];
@inside
for int i in [0:1] {
  @a.b.c
  x q[2];
}
bit[4] c = measure q;
