OPENQASM 3.0;
gate X q { U(π, 0, π) q; gphase(-π/2); }
gate CX c, t { ctrl @ X c, t; }
gate cphase(θ) a, b
{
  U(0, 0, θ / 2) a;
  CX a, b;
  U(0, 0, -θ / 2) b;
  CX a, b;
  U(0, 0, θ / 2) b;
}
qubit[2] q;
U(π/2, 0, π) q;
cphase(π / 2) q[0], q[1];
