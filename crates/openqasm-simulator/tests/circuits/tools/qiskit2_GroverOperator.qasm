OPENQASM 2.0;
include "qelib1.inc";
gate ccz q0,q1,q2 { h q2; ccx q0,q1,q2; h q2; }
gate gate_Q q0,q1,q2 { ccz q0,q1,q2; h q2; h q1; h q0; x q0; x q1; x q2; h q2; ccx q0,q1,q2; h q2; x q0; x q1; x q2; h q0; h q1; h q2; }
gate gate_Q_140592799452112 q0,q1,q2 { gate_Q q0,q1,q2; }
qreg q[3];
creg meas[3];
ry(0.3) q[0];
rz(0.1) q[0];
ry(0.71) q[1];
rz(0.30000000000000004) q[1];
ry(1.1199999999999999) q[2];
rz(0.5) q[2];
gate_Q_140592799452112 q[0],q[1],q[2];
barrier q[0],q[1],q[2];
measure q[0] -> meas[0];
measure q[1] -> meas[1];
measure q[2] -> meas[2];
