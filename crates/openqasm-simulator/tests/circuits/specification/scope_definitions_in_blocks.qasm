OPENQASM 3.0;
if (true) { gate g q { } }
for int i in [0:1] { def f() { } }
