OPENQASM 3.1;
int i;
switch (i) { int k; case 1 {} }
