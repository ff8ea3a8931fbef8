OPENQASM 3.0;
array[float[32], 0] a;
