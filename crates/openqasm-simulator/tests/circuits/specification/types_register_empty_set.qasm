OPENQASM 3.0;
qubit[3] q;
bit[3] c;
let a = q[2:0];
let b = c[2:1:0];
