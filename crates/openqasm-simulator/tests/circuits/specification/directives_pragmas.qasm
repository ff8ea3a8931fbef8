OPENQASM 3.0;
// Attach billing information
pragma ibm.user alice account 12345678
pragma qiskit.simulator noise model "qpu1.noise"
pragma ibm.max_temp qpu 0.4
#pragma older spelling ; x q;
qubit[2] q;
U(pi, 0, pi) q[0]; pragma ibm.after a statement; U(pi, 0, pi) q;
if (true) {
  pragma inside.a block
  U(pi, 0, pi) q[1];
}
bit[2] c = measure q;
