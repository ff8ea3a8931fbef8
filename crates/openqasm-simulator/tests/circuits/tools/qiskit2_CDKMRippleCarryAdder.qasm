OPENQASM 2.0;
include "qelib1.inc";
gate gate_MAJ q0,q1,q2 { cx q0,q1; cx q0,q2; ccx q2,q1,q0; }
gate gate_UMA q0,q1,q2 { ccx q2,q1,q0; cx q0,q2; cx q2,q1; }
gate circuit_542 q0,q1,q2,q3,q4,q5 { gate_MAJ q1,q3,q0; gate_MAJ q2,q4,q1; cx q2,q5; gate_UMA q2,q4,q1; gate_UMA q1,q3,q0; }
gate gate_CDKMRippleCarryAdder q0,q1,q2,q3,q4,q5 { circuit_542 q0,q1,q2,q3,q4,q5; }
qreg q[6];
creg meas[6];
ry(0.3) q[0];
rz(0.1) q[0];
ry(0.71) q[1];
rz(0.30000000000000004) q[1];
ry(1.1199999999999999) q[2];
rz(0.5) q[2];
ry(1.53) q[3];
rz(0.7000000000000001) q[3];
ry(1.94) q[4];
rz(0.9) q[4];
ry(2.3499999999999996) q[5];
rz(1.1) q[5];
gate_CDKMRippleCarryAdder q[0],q[1],q[2],q[3],q[4],q[5];
barrier q[0],q[1],q[2],q[3],q[4],q[5];
measure q[0] -> meas[0];
measure q[1] -> meas[1];
measure q[2] -> meas[2];
measure q[3] -> meas[3];
measure q[4] -> meas[4];
measure q[5] -> meas[5];
