OPENQASM 3.0;
input qreg a[4];
