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
cu1(0.081*pi) q[1],q[0];
ch q[0],q[1];
cy q[1],q[0];
cx q[1],q[0];
sdg q[0];
cu1(1.731*pi) q[1],q[0];
rz(1.407*pi) q[0];
x q[1];
ry(0.477*pi) q[0];
sxdg q[1];
crx(0.161*pi) q[1],q[0];
s q[0];
ecr q[0],q[1];
crx(1.193*pi) q[1],q[0];
measure q[0] -> c[0];
measure q[1] -> c[1];
