OPENQASM 3.0;
for int i in [0:1] {}
int k = i;
