OPENQASM 2.0;
include "qelib1.inc";
gate gate_Clifford__Stabilizer______IZY_____XII_____IYX____Destabilizer______IXY_____ZYX_____XIY__ q0,q1,q2 { h q0; s q0; y q1; h q1; x q2; cx q1,q2; sdg q2; h q2; h q1; s q1; cx q1,q2; h q2; s q2; cx q0,q1; sdg q1; h q1; h q0; s q0; cx q0,q1; }
qreg q[3];
creg meas[3];
gate_Clifford__Stabilizer______IZY_____XII_____IYX____Destabilizer______IXY_____ZYX_____XIY__ q[0],q[1],q[2];
barrier q[0],q[1],q[2];
measure q[0] -> meas[0];
measure q[1] -> meas[1];
measure q[2] -> meas[2];
