OPENQASM 3.0;
if (true) { int a = 1; } else { a = 2; }
