OPENQASM 3.0;
for int i in [0:1] {
  array[int[8], 2] a;
}
