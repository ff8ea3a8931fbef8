OPENQASM 2.0;
include "qelib1.inc";

gate v vq0 {
u3(0.5*pi,1.5*pi,0.5*pi) vq0;
}
qreg q[4];
creg last[2];
creg m[2];
rx(0.2*pi) q[0];
rx(0.37*pi) q[1];
rx(0.54*pi) q[2];
rx(0.71*pi) q[3];
rz(0.279*pi) q[0];
cu1(0.081*pi) q[3],q[1];
ch q[1],q[2];
cswap q[1],q[3],q[0];
v q[0];
ch q[1],q[2];
measure q[0] -> m[0];
measure q[1] -> m[1];
if(m==3) ry(0.518*pi) q[2];
if(m==3) cx q[2],q[3];
if(m==3) ry(1.023*pi) q[2];
if(m==3) cx q[2],q[3];
if(m==0) ry(0.81*pi) q[2];
if(m==0) cx q[2],q[3];
measure q[2] -> last[0];
measure q[3] -> last[1];
