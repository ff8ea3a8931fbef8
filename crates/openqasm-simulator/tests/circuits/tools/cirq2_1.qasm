// Generated from Cirq v1.7.0

OPENQASM 2.0;
include "qelib1.inc";


// Qubits: [q(0), q(1), q(2)]
qreg q[3];
creg m_m0[1];
creg m_m1[1];
creg m_m2[1];


// Gate: CCZ
h q[0];
ccx q[1],q[2],q[0];
h q[0];

cx q[0],q[2];
y q[0];

// Gate: CCZ
h q[0];
ccx q[1],q[2],q[0];
h q[0];

t q[2];

// Gate: PhasedISWAP**0.5
rz(pi*0.2) q[1];
rz(pi*-0.2) q[2];
cx q[1],q[2];
h q[1];
cx q[2],q[1];
t q[1];
cx q[2],q[1];
tdg q[1];
h q[1];
cx q[1],q[2];
rz(pi*-0.2) q[1];
rz(pi*0.2) q[2];

s q[1];
x q[2];

// Gate: CCZ
h q[1];
ccx q[0],q[2],q[1];
h q[1];

x q[0];
sxdg q[0];
ccx q[0],q[1],q[2];
measure q[0] -> m_m0[0];
measure q[1] -> m_m1[0];
measure q[2] -> m_m2[0];
