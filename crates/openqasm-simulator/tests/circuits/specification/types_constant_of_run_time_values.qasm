OPENQASM 3.0;
int[8] runtime_i1 = 4;
def f(int[8] a) -> int[8] { return a; }
const int[8] i2 = 2 * runtime_i1;
const int[8] i3 = f(runtime_i1);
