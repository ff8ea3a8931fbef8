OPENQASM 3.0;
uint[32] my_uint = 10;
int[16] my_int;
my_int = int[16](my_uint);
int my_machine_int;
bit[16] c = "1111111111111110";
bit[2] ok;
ok[0] = my_int == 10;
ok[1] = int[16](c) == -2;
