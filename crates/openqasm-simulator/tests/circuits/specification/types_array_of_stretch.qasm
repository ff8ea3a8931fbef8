OPENQASM 3.0;
array[stretch, 2] a;
