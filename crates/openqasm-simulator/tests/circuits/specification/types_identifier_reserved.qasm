OPENQASM 3.0;
int[8] def;
int[8] input;
