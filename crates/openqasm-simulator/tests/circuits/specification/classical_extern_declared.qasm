OPENQASM 3.0;
extern parity(bit[2]) -> bit;
extern get_time() -> uint[32];
extern arrays(readonly array[int[8], 2], mutable array[int[8], #dim = 2],);
bit c = 1;
