OPENQASM 3.0;
include "stdgates.inc";
U (1)(2) $0;
