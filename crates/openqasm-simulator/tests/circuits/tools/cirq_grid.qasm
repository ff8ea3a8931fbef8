// Generated from Cirq v1.7.0

OPENQASM 2.0;
include "qelib1.inc";


// Qubits: [q(0, 0), q(0, 1), q(1, 0), q(1, 1)]
qreg q[4];
creg m_out[4];


h q[0];
h q[1];
h q[2];
h q[3];
cz q[0],q[1];

// Gate: ISWAP
cx q[2],q[3];
h q[2];
cx q[3],q[2];
s q[2];
cx q[3],q[2];
sdg q[2];
h q[2];
cx q[2],q[3];

// Gate: cirq.MeasurementGate(4, cirq.MeasurementKey(name='out'), ())
measure q[0] -> m_out[0];
measure q[1] -> m_out[1];
measure q[2] -> m_out[2];
measure q[3] -> m_out[3];
