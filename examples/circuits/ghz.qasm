// Sixty entangled qubits, far more than a state vector could hold: Clifford circuits run on a tableau.
OPENQASM 3.0;
include "stdgates.inc";

const int n = 60;
qubit[n] q;
bit[n] c;

h q[0];
for int i in [1:n - 1] {
  cx q[i - 1], q[i];
}
c = measure q;
