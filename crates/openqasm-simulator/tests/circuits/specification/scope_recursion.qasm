OPENQASM 3.0;
def f(int n) -> int { if (n < 2) { return 1; } return n * f(n - 1); }
int a = f(3);
