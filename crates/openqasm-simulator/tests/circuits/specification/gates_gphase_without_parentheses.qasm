OPENQASM 3.0;
gate X q {
  U(π, 0, π) q;
  gphase -π/2;
}
