OPENQASM 3.1;
int i;
switch (i) { case 1 { array[int, 1] a; } }
