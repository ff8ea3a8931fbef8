OPENQASM 3.0;
include "stdgates.inc";
qubit[10] qubits;
x qubits;
reset qubits;
reset qubits[0];
bit[10] c = measure qubits;
