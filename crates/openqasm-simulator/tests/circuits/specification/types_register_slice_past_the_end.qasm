OPENQASM 3.0;
qubit[2] one;
qubit[10] two;
let concatenated = one ++ two;
let every_second = concatenated[0:2:12];
