OPENQASM 3.0;
gate g a
{
  U(0, 0, 0) a[0];
}
