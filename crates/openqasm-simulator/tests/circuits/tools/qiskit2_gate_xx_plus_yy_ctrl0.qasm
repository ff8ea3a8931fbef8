OPENQASM 2.0;
include "qelib1.inc";
gate mcphase(param0) q0,q1,q2 { cx q0,q2; rz(-pi/8) q2; cx q1,q2; rz(pi/8) q2; cx q0,q2; rz(-pi/8) q2; cx q1,q2; rz(pi/8) q2; crz(pi/4) q0,q1; p(pi/8) q0; }
gate mcphase_140592165617104(param0) q0,q1,q2 { cx q0,q2; rz(pi/8) q2; cx q1,q2; rz(-pi/8) q2; cx q0,q2; rz(pi/8) q2; cx q1,q2; rz(-pi/8) q2; crz(-pi/4) q0,q1; p(-pi/8) q0; }
gate mcx q0,q1,q2,q3 { h q3; p(pi/8) q0; p(pi/8) q1; p(pi/8) q2; p(pi/8) q3; cx q0,q1; p(-pi/8) q1; cx q0,q1; cx q1,q2; p(-pi/8) q2; cx q0,q2; p(pi/8) q2; cx q1,q2; p(-pi/8) q2; cx q0,q2; cx q2,q3; p(-pi/8) q3; cx q1,q3; p(pi/8) q3; cx q2,q3; p(-pi/8) q3; cx q0,q3; p(pi/8) q3; cx q2,q3; p(-pi/8) q3; cx q1,q3; p(pi/8) q3; cx q2,q3; p(-pi/8) q3; cx q0,q3; h q3; }
gate mcphase_140592165393872(param0) q0,q1,q2 { cx q0,q2; rz(pi/8) q2; cx q1,q2; rz(-pi/8) q2; cx q0,q2; rz(pi/8) q2; cx q1,q2; rz(-pi/8) q2; crz(-pi/4) q0,q1; p(-pi/8) q0; }
gate mcphase_140592165392336(param0) q0,q1,q2 { cx q0,q2; rz(pi/8) q2; cx q1,q2; rz(-pi/8) q2; cx q0,q2; rz(pi/8) q2; cx q1,q2; rz(-pi/8) q2; crz(-pi/4) q0,q1; p(-pi/8) q0; }
gate mcphase_140592165395280(param0) q0,q1,q2 { cx q0,q2; rz(-3*pi/8) q2; cx q1,q2; rz(3*pi/8) q2; cx q0,q2; rz(-3*pi/8) q2; cx q1,q2; rz(3*pi/8) q2; crz(3*pi/4) q0,q1; p(3*pi/8) q0; }
gate ccxx_plus_yy(param0,param1) q0,q1,q2,q3 { cx q0,q2; rz(-0.2) q2; cx q1,q2; rz(0.2) q2; cx q0,q2; rz(-0.2) q2; cx q1,q2; rz(0.2) q2; mcphase(pi/2) q0,q1,q2; mcphase_140592165617104(-pi/2) q0,q1,q3; h q3; mcphase(pi/2) q0,q1,q3; h q3; mcphase(pi/2) q0,q1,q3; mcx q0,q1,q3,q2; cu(-0.075,0,0,0) q1,q2; cx q1,q0; cu(0.075,0,0,0) q0,q2; cx q1,q0; cu(-0.075,0,0,0) q0,q2; cu(-0.075,0,0,0) q1,q3; cx q1,q0; cu(0.075,0,0,0) q0,q3; cx q1,q0; cu(-0.075,0,0,0) q0,q3; mcx q0,q1,q3,q2; mcphase_140592165393872(-pi/2) q0,q1,q2; cx q0,q2; rz(0.2) q2; cx q1,q2; rz(-0.2) q2; cx q0,q2; rz(0.2) q2; cx q1,q2; rz(-0.2) q2; mcphase_140592165392336(-pi/2) q0,q1,q3; h q3; mcphase_140592165395280(3*pi/2) q0,q1,q3; h q3; mcphase(pi/2) q0,q1,q3; }
gate ccxx_plus_yy_o1(param0,param1) q0,q1,q2,q3 { x q1; ccxx_plus_yy(0.3,0.8) q0,q1,q2,q3; x q1; }
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
ccxx_plus_yy_o1(0.3,0.8) q[0],q[1],q[2],q[3];
h q[0];
h q[1];
h q[2];
h q[3];
barrier q[0],q[1],q[2],q[3];
measure q[0] -> meas[0];
measure q[1] -> meas[1];
measure q[2] -> meas[2];
measure q[3] -> meas[3];
