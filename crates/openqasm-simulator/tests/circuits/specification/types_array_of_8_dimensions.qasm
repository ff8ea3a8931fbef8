OPENQASM 3.0;
array[bool, 1, 1, 1, 1, 1, 1, 1, 2] a;
