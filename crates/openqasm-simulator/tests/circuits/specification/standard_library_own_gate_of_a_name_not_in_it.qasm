OPENQASM 3.0;
include "stdgates.inc";
gate iswap a { x a; }
qubit q;
iswap q;
bit c = measure q;
