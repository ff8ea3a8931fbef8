OPENQASM 3.0;
gate h q {
  U(π/2, 0, π) q;
  gphase(-π/4);
}
qubit[2] q;
ctrl @ h q[0], q[1];
U(π, 0, π) q[0];
ctrl @ h q[0], q[1];
bit[2] c = measure q;
