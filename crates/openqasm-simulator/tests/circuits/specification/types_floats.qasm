OPENQASM 3.0;
float[32] my_float = π;
float my_machine_float = 2.3;
bit[2] ok;
ok[0] = my_float > 3.1415926 && my_float < 3.1415928;
ok[1] = my_machine_float == 2.3;
