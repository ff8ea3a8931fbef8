OPENQASM 3.0;
array[int[8], 4, 3] bb;
bb[0] = 1;
