// Generated from Cirq v1.7.0

OPENQASM 2.0;
include "qelib1.inc";


// Qubits: [q(0), q(1)]
qreg q[2];
creg m0[2];  // Measurement: my key-1


// Gate: PhasedISWAP**0.25464790894703254
t q[1];
tdg q[0];
cx q[1],q[0];
h q[1];
cx q[0],q[1];
rz(pi*0.1273239545) q[1];
cx q[0],q[1];
rz(pi*-0.1273239545) q[1];
h q[1];
cx q[1],q[0];
tdg q[1];
t q[0];

t q[0];
sxdg q[1];
ry(pi*0.3501408748) q[1];

// Gate: ZZ**0.7
rz(pi*0.7) q[0];
rz(pi*0.7) q[1];
u3(pi*0.5,pi*1.0,pi*1.0721032551) q[0];
u3(pi*0.5,pi*1.0,pi*1.5721032551) q[1];
sx q[0];
cx q[0],q[1];
rx(pi*0.2) q[0];
ry(pi*0.5) q[1];
cx q[1],q[0];
sxdg q[1];
s q[1];
cx q[0],q[1];
u3(pi*0.5,pi*0.2278967449,0) q[0];
u3(pi*0.5,pi*1.7278967449,0) q[1];

// Operation: CRy(0.12732395447351627π)(q(1), q(0))
sx q[0];
u3(pi*0.5,0,pi*1.9480963362) q[1];
u3(pi*0.5,0,pi*1.4480963362) q[0];
sx q[1];
cx q[1],q[0];
rx(pi*0.4363380228) q[1];
ry(pi*0.5) q[0];
cx q[0],q[1];
sxdg q[0];
s q[0];
cx q[1],q[0];
u3(pi*0.5,pi*1.1155656411,pi*1.0) q[1];
u3(pi*0.5,pi*1.6155656411,pi*1.0) q[0];
sxdg q[0];
rz(pi*-0.0636619772) q[1];

u3(pi*-0.6, pi*0.8, pi*-0.8) q[1];
x q[0];

// Gate: YY**0.2
sx q[1];
sx q[0];
rz(pi*0.2) q[1];
rz(pi*0.2) q[0];
u3(pi*0.5,0,0) q[1];
u3(pi*0.5,pi*1.0,pi*1.5) q[0];
sx q[1];
cx q[1],q[0];
rx(pi*0.3) q[1];
ry(pi*0.5) q[0];
cx q[0],q[1];
sxdg q[0];
s q[0];
cx q[1],q[0];
u3(pi*0.5,pi*0.8,pi*1.0) q[1];
u3(pi*0.5,pi*1.3,0) q[0];
sxdg q[1];
sxdg q[0];

// Gate: SWAP**0.5
cx q[1],q[0];
ry(pi*-0.5) q[1];
u3(pi*0.5,0,pi*0.75) q[0];
u3(pi*0.5,0,pi*0.25) q[1];
sx q[0];
cx q[0],q[1];
rx(pi*0.25) q[0];
ry(pi*0.5) q[1];
cx q[1],q[0];
sxdg q[1];
s q[1];
cx q[0],q[1];
u3(pi*0.5,pi*0.5,pi*1.0) q[0];
u3(pi*0.5,pi*1.0,pi*1.0) q[1];
ry(pi*0.5) q[1];
cx q[1],q[0];

// Gate: YY**0.2
sx q[1];
sx q[0];
rz(pi*0.2) q[1];
rz(pi*0.2) q[0];
u3(pi*0.5,0,0) q[1];
u3(pi*0.5,pi*1.0,pi*1.5) q[0];
sx q[1];
cx q[1],q[0];
rx(pi*0.3) q[1];
ry(pi*0.5) q[0];
cx q[0],q[1];
sxdg q[0];
s q[0];
cx q[1],q[0];
u3(pi*0.5,pi*0.8,pi*1.0) q[1];
u3(pi*0.5,pi*1.3,0) q[0];
sxdg q[1];
sxdg q[0];

z q[0];

// Gate: cirq.MeasurementGate(2, cirq.MeasurementKey(name='my key-1'), ())
measure q[1] -> m0[0];
measure q[0] -> m0[1];
