OPENQASM 3.0;
qubit[3] q;
let a = q[0:0:2];
