OPENQASM 3.0;
const input a = 8;
