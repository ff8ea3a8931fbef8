OPENQASM 3.0;
extern parity(bit[2]) -> bit;
extern log_it(int[8], float);
bit[2] c;
bit result;
result = parity(c);
