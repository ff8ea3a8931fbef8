// Generated from Cirq v1.7.0

OPENQASM 3.0;
include "stdgates.inc";


// Qubits: [q(0), q(1), q(2)]
qubit[3] q;
bit[1] m_a;
bit[2] m_b;
bit[3] m_last;


ry(pi*0.1273239545) q[0];
ry(pi*0.3501408748) q[1];
ry(pi*0.5729577951) q[2];
m_a[0] = measure q[0];
if (m_a!=0) x q[1];
if (m_a==0) x q[0];
cx q[1],q[2];

// Gate: cirq.MeasurementGate(2, cirq.MeasurementKey(name='b'), ())
m_b[0] = measure q[1];
m_b[1] = measure q[2];

if (m_a!=0 && m_b!=0) x q[0];
reset q[2];
ry(pi*0.2864788976) q[2];

// Gate: cirq.MeasurementGate(3, cirq.MeasurementKey(name='last'), ())
m_last[0] = measure q[0];
m_last[1] = measure q[1];
m_last[2] = measure q[2];
