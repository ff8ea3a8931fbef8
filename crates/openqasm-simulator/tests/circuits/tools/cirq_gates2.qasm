// Generated from Cirq v1.7.0

OPENQASM 3.0;
include "stdgates.inc";


// Qubits: [q(0), q(1), q(2), q(3), q(4)]
qubit[5] q;
bit[5] m_m;


ry(pi*0.1273239545) q[0];
ry(pi*0.3501408748) q[1];
ry(pi*0.5729577951) q[2];
ry(pi*0.7957747155) q[3];
ry(pi*1.0185916358) q[4];

// Gate: SWAP**0.669
cx q[4],q[2];
ry(pi*-0.5) q[4];
u3(pi*0.5,pi*1.0,pi*0.75) q[2];
u3(pi*0.5,pi*1.0,pi*0.25) q[4];
sx q[2];
cx q[2],q[4];
rx(pi*0.1655) q[2];
ry(pi*0.5) q[4];
cx q[4],q[2];
sxdg q[4];
s q[4];
cx q[2],q[4];
u3(pi*0.5,pi*0.5845,0) q[2];
u3(pi*0.5,pi*1.0845,0) q[4];
ry(pi*0.5) q[4];
cx q[4],q[2];

// Gate: XX**1.348
ry(pi*-0.5) q[4];
ry(pi*-0.5) q[1];
rz(pi*1.348) q[4];
rz(pi*1.348) q[1];
u3(pi*0.5,0,pi*1.0422429418) q[4];
u3(pi*0.5,pi*1.0,pi*0.5422429418) q[1];
sx q[4];
cx q[4],q[1];
rx(pi*0.152) q[4];
ry(pi*0.5) q[1];
cx q[1],q[4];
sxdg q[1];
s q[1];
cx q[4],q[1];
u3(pi*0.5,pi*1.6097570582,pi*1.0) q[4];
u3(pi*0.5,pi*0.1097570582,0) q[1];
ry(pi*0.5) q[4];
ry(pi*0.5) q[1];

// Gate: CCZ
h q[2];
ccx q[3],q[4],q[2];
h q[2];

// Gate: H**1.368
ry(pi*0.25) q[4];
rx(pi*1.368) q[4];
ry(pi*-0.25) q[4];

rx(pi*1.343) q[3];

// Gate: TOFFOLI**-0.105
h q[1];
rz(pi*-0.02625) q[2];
rz(pi*-0.02625) q[1];
rz(pi*-0.02625) q[4];
cx q[2],q[1];
cx q[1],q[4];
rz(pi*0.02625) q[1];
rz(pi*-0.02625) q[4];
cx q[2],q[1];
cx q[1],q[4];
rz(pi*0.02625) q[4];
cx q[2],q[1];
cx q[1],q[4];
rz(pi*0.02625) q[4];
cx q[2],q[1];
cx q[1],q[4];
h q[1];

rx(pi*0.3202197455) q[3];
ry(pi*0.2253633994) q[1];
x q[3];

// Gate: cirq.DiagonalGate([0.1,0.7,-0.4,2.0])
rz(pi*0.4774648293) q[1];
cx q[1],q[4];
rz(pi*-0.2864788976) q[4];
cx q[1],q[4];
rz(pi*0.1273239545) q[4];

cz q[3],q[2];

// Gate: CCY
sdg q[4];
ccx q[3],q[2],q[4];
s q[4];

sx q[3];
ccx q[3],q[2],q[4];

// Gate: cirq.MeasurementGate(5, cirq.MeasurementKey(name='m'), ())
m_m[0] = measure q[0];
m_m[1] = measure q[1];
m_m[2] = measure q[2];
m_m[3] = measure q[3];
m_m[4] = measure q[4];
