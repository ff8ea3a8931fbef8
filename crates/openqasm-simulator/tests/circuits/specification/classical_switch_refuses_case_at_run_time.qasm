OPENQASM 3.1;
int i;
int k;
switch (i) { case k {} }
