OPENQASM 3.0;
qubit q;
bit x = bit(q);
