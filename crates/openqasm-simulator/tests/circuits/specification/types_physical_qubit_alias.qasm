OPENQASM 3.0;
let a = $0;
