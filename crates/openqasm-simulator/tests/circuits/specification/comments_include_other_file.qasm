OPENQASM 3.0;
include "my_definitions.qasm";
bit c;
