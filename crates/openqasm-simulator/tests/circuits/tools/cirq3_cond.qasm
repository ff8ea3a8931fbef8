// Generated from Cirq v1.7.0

OPENQASM 3.0;
include "stdgates.inc";


// Qubits: [q(0), q(1), q(2)]
qubit[3] q;
bit[1] m_a;
bit[2] m_b;


h q[0];
m_a[0] = measure q[0];
if (m_a!=0) x q[1];
if (m_a!=0) h q[2];

// Gate: cirq.MeasurementGate(2, cirq.MeasurementKey(name='b'), ())
m_b[0] = measure q[1];
m_b[1] = measure q[2];
