OPENQASM 3.0;
def unspecified(readonly array[int[8], #dim = 2] twoD_arg) -> int[32] {
  uint[32] firstDim  = sizeof(twoD_arg, 0);
  uint[32] secondDim = sizeof(twoD_arg, 1);
  int[32] sum = 0;
  for int ii in [0:firstDim-1] {
    for int jj in [0:secondDim-1] {
      sum += int[32](twoD_arg[ii][jj]);
    }
  }
  return sum;
}
def specific(readonly array[int[8], 3, 4] twoD_arg) -> int[32] {
  const uint[32] firstDim  = sizeof(twoD_arg, 0);
  const uint[32] secondDim = sizeof(twoD_arg, 1);
  int[32] sum = 0;
  for int ii in [0:firstDim-1] {
    for int jj in [0:secondDim-1] {
      sum += int[32](twoD_arg[ii][jj]);
    }
  }
  return sum;
}
array[int[8], 3, 4] a = {{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}};
bit[4] ok;
ok[0] = unspecified(a) == 78 && unspecified(a[0:2:2, 1:2]) == 26;
ok[1] = specific(a) == 78;
ok[2] = sizeof(a) == sizeof(a, 0) && sizeof(a[0], 0) == sizeof(a, 1);
ok[3] = sizeof(a, 1) == 4;
