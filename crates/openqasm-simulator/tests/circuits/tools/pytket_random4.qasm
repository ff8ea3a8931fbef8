OPENQASM 2.0;
include "qelib1.inc";

gate ecr ecrq0,ecrq1 {
u3(1.0*pi,1.5*pi,1.0*pi) ecrq0;
u3(3.5*pi,1.5*pi,0.5*pi) ecrq1;
cx ecrq0,ecrq1;
}
qreg q[2];
creg c[2];
rx(0.2*pi) q[0];
rx(0.37*pi) q[1];
rz(0.206*pi) q[1];
cry(0.18*pi) q[0],q[1];
ecr q[0],q[1];
cz q[0],q[1];
rx(1.658*pi) q[1];
cy q[1],q[0];
sx q[0];
sxdg q[1];
ry(0.495*pi) q[1];
swap q[1],q[0];
cu1(1.198*pi) q[1],q[0];
ry(0.61*pi) q[0];
h q[1];
rxx(0.686*pi) q[0],q[1];
measure q[0] -> c[0];
measure q[1] -> c[1];
