OPENQASM 3.1;
int i;
switch (i) { x $0 }
