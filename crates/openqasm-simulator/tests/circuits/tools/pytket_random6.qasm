OPENQASM 2.0;
include "qelib1.inc";

gate ecr ecrq0,ecrq1 {
u3(1.0*pi,1.5*pi,1.0*pi) ecrq0;
u3(3.5*pi,1.5*pi,0.5*pi) ecrq1;
cx ecrq0,ecrq1;
}
qreg q[4];
creg c[4];
rx(0.2*pi) q[0];
rx(0.37*pi) q[1];
rx(0.54*pi) q[2];
rx(0.71*pi) q[3];
ccx q[2],q[0],q[3];
ecr q[3],q[0];
u1(1.931*pi) q[2];
rzz(1.079*pi) q[0],q[3];
cswap q[0],q[1],q[2];
sdg q[2];
rxx(0.188*pi) q[1],q[2];
cx q[1],q[2];
ch q[1],q[2];
ccx q[1],q[2],q[3];
cz q[0],q[2];
ccx q[2],q[1],q[0];
cu1(0.445*pi) q[1],q[2];
measure q[2] -> c[2];
ccx q[1],q[0],q[3];
measure q[0] -> c[0];
measure q[1] -> c[1];
measure q[3] -> c[3];
