OPENQASM 2.0;
include "qelib1.inc";
gate pg(param0,param1) q0,q1 { rx(0.37) q0; rzz(1.2738) q0,q1; ry(0.37) q1; }
qreg q[2];
creg meas[2];
pg(0.37,0.74) q[0],q[1];
h q[0];
barrier q[0],q[1];
measure q[0] -> meas[0];
measure q[1] -> meas[1];
