OPENQASM 2.0;
include "qelib1.inc";
gate gate_QFT q0,q1 { h q1; cp(pi/2) q1,q0; h q0; }
gate gate_QFT_140592812101200 q0,q1 { gate_QFT q0,q1; }
gate gate_IQFT q0,q1 { h q0; cp(-pi/2) q1,q0; h q1; }
gate gate_IQFT_140592812100240 q0,q1 { gate_IQFT q0,q1; }
gate gate_DraperQFTAdder q0,q1,q2,q3 { gate_QFT_140592812101200 q2,q3; cp(pi) q0,q2; cp(pi/2) q0,q3; cp(pi) q1,q3; gate_IQFT_140592812100240 q2,q3; }
gate gate_DraperQFTAdder_140592812029712 q0,q1,q2,q3 { gate_DraperQFTAdder q0,q1,q2,q3; }
qreg q[4];
creg meas[4];
ry(0.3) q[0];
rz(0.1) q[0];
ry(0.71) q[1];
rz(0.30000000000000004) q[1];
ry(1.1199999999999999) q[2];
rz(0.5) q[2];
ry(1.53) q[3];
rz(0.7000000000000001) q[3];
gate_DraperQFTAdder_140592812029712 q[0],q[1],q[2],q[3];
barrier q[0],q[1],q[2],q[3];
measure q[0] -> meas[0];
measure q[1] -> meas[1];
measure q[2] -> meas[2];
measure q[3] -> meas[3];
