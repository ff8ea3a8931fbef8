OPENQASM 3.0;
bit[2] b;
h $0;
#pragma braket verbatim
box{
rx(0.3) $0;
cz $0, $1;
}
h $1;
b[0] = measure $0;
b[1] = measure $1;
