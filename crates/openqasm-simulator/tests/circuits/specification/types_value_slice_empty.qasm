OPENQASM 3.0;
int[32] myInt = 15;
bit[16] upperReversed = myInt[-1:-16];
