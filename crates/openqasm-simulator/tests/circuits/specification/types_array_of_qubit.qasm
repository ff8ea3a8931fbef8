OPENQASM 3.0;
array[qubit, 2] a;
