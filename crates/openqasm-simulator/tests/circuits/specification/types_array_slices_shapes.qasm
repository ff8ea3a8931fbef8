OPENQASM 3.0;
int[8] scalar;
array[int[8], 2] oneD;
array[int[8], 4, 3, 2] threeD;
array[int[8], 2, 3, 4] anotherThreeD;
threeD[0] = oneD;
threeD[0, 0] = scalar;
threeD = anotherThreeD;
array[int[8], 2] chosen = threeD[0, 0][{0, 1}];
