OPENQASM 3.0;
bit[3] own;
bit[8] x = (own);
