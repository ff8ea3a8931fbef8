OPENQASM 3.1;
int i;
switch (i) { default 0 {} }
