OPENQASM 3.0;
def f(readonly array[int[8], #dim = 1] a) {}
array[int[8], 2] first;
f(first ++ first);
f(first);
