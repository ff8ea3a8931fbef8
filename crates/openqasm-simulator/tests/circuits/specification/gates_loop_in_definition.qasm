OPENQASM 3.0;
include "stdgates.inc";
gate g a { for int i in [1:3] { x a; } }
qubit q;
g q;
bit c = measure q;
