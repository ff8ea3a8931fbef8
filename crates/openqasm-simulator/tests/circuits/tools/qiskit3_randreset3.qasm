OPENQASM 3.0;
include "stdgates.inc";
gate sxdg _gate_q_0 {
  s _gate_q_0;
  h _gate_q_0;
  s _gate_q_0;
}
gate csdg _gate_q_0, _gate_q_1 {
  tdg _gate_q_0;
  cx _gate_q_0, _gate_q_1;
  t _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  tdg _gate_q_1;
}
bit[3] c;
qubit[3] q;
x q[2];
h q[1];
rx(5.416902710462442) q[0];
sdg q[1];
u3(1.1778577814186864, 0.7533739378785809, 4.633858871283806) q[2];
sxdg q[2];
id q[0];
u3(4.307512276526126, 4.67365378039276, 1.2088112618692461) q[1];
h q[0];
csdg q[2], q[1];
t q[1];
tdg q[0];
c[0] = measure q[0];
c[1] = measure q[1];
c[2] = measure q[2];
if (c == 7) {
  u2(2.4700658074564155, 1.3799228069806568) q[2];
}
c[0] = measure q[0];
c[1] = measure q[1];
c[2] = measure q[2];
