OPENQASM 3.1;
switch () {}
