OPENQASM 3.0;
bit my_bit = 1;
bool my_bool;
my_bool = my_bit;
bit c = my_bool;
