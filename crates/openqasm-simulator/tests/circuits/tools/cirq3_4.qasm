// Generated from Cirq v1.7.0

OPENQASM 3.0;
include "stdgates.inc";


// Qubits: [q(0), q(1)]
qubit[2] q;
bit[1] m_m0;
bit[1] m_m1;


rz(pi*-0.2228169203) q[1];

// Gate: XX**0.3
ry(pi*-0.5) q[0];
ry(pi*-0.5) q[1];
rz(pi*0.3) q[0];
rz(pi*0.3) q[1];
u3(pi*0.5,pi*1.0,pi*1.25) q[0];
u3(pi*0.5,0,pi*0.75) q[1];
sx q[0];
cx q[0],q[1];
rx(pi*0.2) q[0];
ry(pi*0.5) q[1];
cx q[1],q[0];
sxdg q[1];
s q[1];
cx q[0],q[1];
u3(pi*0.5,pi*1.45,0) q[0];
u3(pi*0.5,pi*1.95,pi*1.0) q[1];
ry(pi*0.5) q[0];
ry(pi*0.5) q[1];

x q[1];
sxdg q[0];
sx q[1];
rx(pi*0.0954929659) q[0];
h q[0];

// Gate: YY**0.2
sx q[0];
sx q[1];
rz(pi*0.2) q[0];
rz(pi*0.2) q[1];
u3(pi*0.5,0,0) q[0];
u3(pi*0.5,pi*1.0,pi*1.5) q[1];
sx q[0];
cx q[0],q[1];
rx(pi*0.3) q[0];
ry(pi*0.5) q[1];
cx q[1],q[0];
sxdg q[1];
s q[1];
cx q[0],q[1];
u3(pi*0.5,pi*0.8,pi*1.0) q[0];
u3(pi*0.5,pi*1.3,0) q[1];
sxdg q[0];
sxdg q[1];

swap q[1],q[0];

// Gate: XX**0.3
ry(pi*-0.5) q[1];
ry(pi*-0.5) q[0];
rz(pi*0.3) q[1];
rz(pi*0.3) q[0];
u3(pi*0.5,pi*1.0,pi*1.25) q[1];
u3(pi*0.5,0,pi*0.75) q[0];
sx q[1];
cx q[1],q[0];
rx(pi*0.2) q[1];
ry(pi*0.5) q[0];
cx q[0],q[1];
sxdg q[0];
s q[0];
cx q[1],q[0];
u3(pi*0.5,pi*1.45,0) q[1];
u3(pi*0.5,pi*1.95,pi*1.0) q[0];
ry(pi*0.5) q[1];
ry(pi*0.5) q[0];

z q[0];
sxdg q[1];
m_m0[0] = measure q[0];
m_m1[0] = measure q[1];
