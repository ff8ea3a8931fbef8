OPENQASM 3.0;
def f(int a) -> int { return a; }
const int b = f(1);
