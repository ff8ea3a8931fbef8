OPENQASM 3.0;
def f() { }
int a = f();
