OPENQASM 3.0;
array[int[8], 3] aa = {1, 2, 3};
array[int[8], 4, 3] bb;
bb[0] = aa;
bb[0, 1] = aa[2];
bit ok = bb[0, 0] == 1 && bb[0, 1] == 3 && bb[0, 2] == 3 && bb[1, 0] == 0;
