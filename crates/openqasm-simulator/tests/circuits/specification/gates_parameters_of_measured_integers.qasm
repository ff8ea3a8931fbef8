OPENQASM 3.0;
include "stdgates.inc";

qubit[2] m;
qubit[3] q;
x m[1];
bit[2] bits = measure m;
uint[2] c = uint[2](bits);
ry(2 * pi / c) q[0];
ry(pi * (3 / c)) q[1];
ry(5 / c * pi) q[2];
bit[3] r = measure q;
