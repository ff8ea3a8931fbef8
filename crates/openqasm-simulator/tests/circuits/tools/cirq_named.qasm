// Generated from Cirq v1.7.0

OPENQASM 3.0;
include "stdgates.inc";


// Qubits: [alice, bob 2]
qubit[2] q;
bit[2] m0;  // Measurement: my key


h q[0];
cx q[0],q[1];

// Gate: cirq.MeasurementGate(2, cirq.MeasurementKey(name='my key'), ())
m0[0] = measure q[0];
m0[1] = measure q[1];
