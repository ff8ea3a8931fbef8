OPENQASM 3.0;
qubit[3] q;
let a = q ++ q[0:1];
