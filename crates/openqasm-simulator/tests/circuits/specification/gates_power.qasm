OPENQASM 3.0;
include "stdgates.inc";

gate own_x q1 { pow(2) @ sx q1; }
int k = 2;
qubit q;
h q;
own_x q;
pow(-1) @ s q;
pow(k) @ t q;
pow(1/2) @ z q;
inv @ pow(0.5) @ z q;
