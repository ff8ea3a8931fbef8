OPENQASM 3.0;
bit[2] b;
#pragma braket verbatim
box{
prx(0.2, 0.4) $0;
cz $0, $1;
prx(0.7, 0.1) $1;
}
b[0] = measure $0;
b[1] = measure $1;
