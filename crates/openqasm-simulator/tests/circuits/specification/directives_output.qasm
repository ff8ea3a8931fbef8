OPENQASM 3.0;
include "stdgates.inc";
output bit result;
bit other = 1;
qubit q;
result = measure q;
