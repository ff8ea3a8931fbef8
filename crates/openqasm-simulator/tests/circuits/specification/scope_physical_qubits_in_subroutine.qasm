OPENQASM 3.0;
include "stdgates.inc";
def f() -> bit { x $0; return measure $0; }
bit c = f();
