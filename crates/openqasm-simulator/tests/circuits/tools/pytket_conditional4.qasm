OPENQASM 2.0;
include "qelib1.inc";

gate ecr ecrq0,ecrq1 {
u3(1.0*pi,1.5*pi,1.0*pi) ecrq0;
u3(3.5*pi,1.5*pi,0.5*pi) ecrq1;
cx ecrq0,ecrq1;
}
qreg q[4];
creg last[2];
creg m[2];
rx(0.2*pi) q[0];
rx(0.37*pi) q[1];
rx(0.54*pi) q[2];
rx(0.71*pi) q[3];
cry(0.18*pi) q[0],q[1];
rx(1.658*pi) q[2];
rz(0.206*pi) q[3];
cswap q[0],q[3],q[1];
ecr q[0],q[1];
cy q[2],q[3];
measure q[0] -> m[0];
measure q[1] -> m[1];
if(m==1) ry(1.442*pi) q[2];
if(m==1) cx q[2],q[3];
if(m==2) ry(0.958*pi) q[2];
if(m==2) cx q[2],q[3];
if(m==0) ry(0.18*pi) q[2];
if(m==0) cx q[2],q[3];
measure q[2] -> last[0];
measure q[3] -> last[1];
